package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraSource;
import org.i2lspark.lora.LoraWriter;
import org.i2lspark.lora.ReducedLora;
import org.i2lspark.lora.Reduction;

/** A decoded LoRA on its way into a file: reduced, if that was asked for, and with what it says of itself. */
public final class LoraExport {
    private final LoraSource lora;
    private final LoraForm form;
    private final Optional<Reduction> reduction;
    private final Map<String, String> metadata;

    /**
     * Prepares a LoRA for writing, and reduces it where the decoder has not done so.
     *
     * @param imageHashes SHA-256 of each image file, in hex
     */
    public LoraExport(Lora lora, LoraForm form, List<String> imageHashes, WorkOrder order) throws IOException {
        this.form = form;
        if (form.reduces(lora.rank())) {
            ReducedLora reduced = ReducedLora.toRank(lora, form.rank());
            this.lora = reduced;
            this.reduction = Optional.of(reduced.reduction());
        } else {
            this.lora = lora;
            this.reduction = lora.reduction();
        }
        this.metadata = new TreeMap<>(LoraMetadata.of(order, imageHashes, rank()));
        reduction.ifPresent(lost -> metadata.putAll(lost.metadata()));
    }

    public int rank() {
        return lora.rank();
    }

    /** The relative error of the reduction; null when there was none. */
    public Double reductionError() {
        return reduction.map(Reduction::error).orElse(null);
    }

    /**
     * Writes the file.
     *
     * @return its size in bytes
     */
    public long write(WritableByteChannel out) throws IOException {
        return lora instanceof Lora stored && stored.type() == form.type()
                ? stored.write(out, form.keyFormat(), metadata)
                : LoraWriter.write(out, lora, form.type(), form.keyFormat(), metadata);
    }
}
