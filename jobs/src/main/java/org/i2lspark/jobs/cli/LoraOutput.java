package org.i2lspark.jobs.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.LoraSource;
import org.i2lspark.lora.LoraWriter;
import org.i2lspark.torch.ElementType;

/** Writes a LoRA to a local path, complete or not at all. */
final class LoraOutput {
    private static final String PEFT_WEIGHTS = "adapter_model.safetensors";
    private static final String PEFT_CONFIG = "adapter_config.json";

    private LoraOutput() {}

    /** Writes a file's content and returns its size. */
    @FunctionalInterface
    interface Content {
        long writeTo(FileChannel out) throws IOException;
    }

    /**
     * Writes a LoRA file; in PEFT's format a folder with weights and config.
     *
     * @return the size of the weights in bytes
     */
    static long write(Path output, LoraSource source, ElementType type, KeyFormat keyFormat) throws IOException {
        Map<String, String> metadata = new TreeMap<>(source.metadata());
        metadata.putIfAbsent("format", "pt");
        if (keyFormat != KeyFormat.PEFT) {
            return write(output, out -> LoraWriter.write(out, source, type, keyFormat, metadata));
        }
        if (output.toString().endsWith(".safetensors")) {
            throw new IllegalArgumentException("Invalid --output: %s (expected a folder: PEFT reads %s and %s from one)"
                    .formatted(output, PEFT_WEIGHTS, PEFT_CONFIG));
        }
        byte[] config = new JsonMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(peftConfig(source.rank()));
        Files.createDirectories(output);
        Files.write(output.resolve(PEFT_CONFIG), config);
        return write(output.resolve(PEFT_WEIGHTS), out -> LoraWriter.write(out, source, type, keyFormat, metadata));
    }

    private static Map<String, Object> peftConfig(int rank) {
        Map<String, Object> config = new TreeMap<>();
        config.put("peft_type", "LORA");
        config.put("base_model_name_or_path", "Qwen/Qwen-Image");
        config.put("r", rank);
        config.put("lora_alpha", rank);
        config.put("lora_dropout", 0.0);
        config.put("bias", "none");
        config.put("fan_in_fan_out", false);
        config.put("inference_mode", true);
        config.put("target_modules", List.copyOf(KeyFormat.LAYERS));
        return config;
    }

    /** Writes a file beside its place, then renames it. */
    static long write(Path output, Content content) throws IOException {
        Path folder = output.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        // not createTempFile, whose files nobody else may read
        Path temporary = folder.resolve(".%s.%s.tmp".formatted(output.getFileName(), UUID.randomUUID()));
        try {
            long bytes;
            try (FileChannel out =
                    FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                bytes = content.writeTo(out);
            }
            Files.move(temporary, output, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            return bytes;
        } finally {
            Files.deleteIfExists(temporary);
        }
    }
}
