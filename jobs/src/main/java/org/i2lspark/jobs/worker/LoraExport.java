package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraWriter;
import org.i2lspark.lora.ReducedLora;

/** A decoded LoRA on its way into a file: reduced, if that was asked for, and with what it says of itself. */
public final class LoraExport {
    private final Lora lora;
    private final ReducedLora reduced;
    private final LoraForm form;
    private final Map<String, String> metadata;

    /**
     * Prepares a LoRA for writing.
     *
     * @param imageHashes SHA-256 of each image file, in hex
     */
    public LoraExport(Lora lora, LoraForm form, List<String> imageHashes, WorkOrder order) throws IOException {
        this.lora = lora;
        this.form = form;
        this.reduced = form.reduces(lora.rank()) ? ReducedLora.toRank(lora, form.rank()) : null;
        this.metadata = new TreeMap<>(LoraMetadata.of(order, imageHashes, rank()));
        if (reduced != null) {
            metadata.putAll(reduced.metadata());
        }
    }

    public int rank() {
        return reduced == null ? lora.rank() : reduced.rank();
    }

    /** The relative error of the reduction; null when there was none. */
    public Double reductionError() {
        return reduced == null ? null : reduced.error();
    }

    /**
     * Writes the file.
     *
     * @return its size in bytes
     */
    public long write(WritableByteChannel out) throws IOException {
        if (reduced == null && lora.type() == form.type()) {
            return lora.write(out, form.keyFormat(), metadata);
        }
        return LoraWriter.write(out, reduced == null ? lora : reduced, form.type(), form.keyFormat(), metadata);
    }
}
