package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.Reduction;

/** A decoded LoRA on its way into a file, with what it says of itself. */
public final class LoraExport {
    private final Lora lora;
    private final LoraForm form;
    private final Map<String, String> metadata;

    /**
     * Prepares a LoRA for writing.
     *
     * @param title for people; empty where the LoRA has no name of its own
     * @param imageHashes SHA-256 of each image file, in hex
     */
    public LoraExport(Lora lora, LoraForm form, Optional<String> title, List<String> imageHashes, WorkOrder order) {
        this.lora = lora;
        this.form = form;
        this.metadata = order.metadata().of(lora, title, imageHashes.size(), imageHashes);
    }

    public int rank() {
        return lora.rank();
    }

    /** The relative error of the reduction; null when there was none. */
    public Double reductionError() {
        return lora.reduction().map(Reduction::error).orElse(null);
    }

    /**
     * Writes the file.
     *
     * @return its size in bytes
     */
    public long write(WritableByteChannel out) throws IOException {
        return lora.write(out, form.keyFormat(), metadata);
    }
}
