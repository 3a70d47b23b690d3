package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraWriter;
import org.i2lspark.lora.ReducedLora;
import org.i2lspark.model.I2lModel;
import org.i2lspark.torch.ElementType;

/** A decoded LoRA on its way into a file: reduced, if that was asked for, and with what it says of itself. */
public final class LoraExport {
    private final Lora lora;
    private final ReducedLora reduced;
    private final GenerateOptions options;
    private final Map<String, String> metadata;

    /**
     * Prepares a LoRA for writing.
     *
     * @param imageHashes SHA-256 of each image file, in hex
     */
    public LoraExport(Lora lora, GenerateOptions options, List<String> imageHashes, I2lModel model) throws IOException {
        this.lora = lora;
        this.options = options;
        boolean reduce = options.rank() > 0 && lora.rank() > options.rank();
        this.reduced = reduce ? ReducedLora.toRank(lora, options.rank()) : null;
        this.metadata = new TreeMap<>(LoraMetadata.of(options, imageHashes, model, rank()));
        if (reduced != null) {
            metadata.putAll(reduced.metadata());
        }
    }

    /** In what type the decoder is to give LoRAs: a reduction starts from float32. */
    public static ElementType decodedType(GenerateOptions options) {
        return options.rank() > 0 ? ElementType.FLOAT32 : options.loraType();
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
        if (reduced == null && lora.type() == options.loraType()) {
            return lora.write(out, options.keyFormat(), metadata);
        }
        return LoraWriter.write(
                out, reduced == null ? lora : reduced, options.loraType(), options.keyFormat(), metadata);
    }
}
