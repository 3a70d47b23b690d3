package org.i2lspark.torch;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a GPU's driver says of its memory; libtorch's graphs have no way to ask. */
public final class GpuMemory {
    private static final Logger log = LoggerFactory.getLogger(GpuMemory.class);
    private static final long SECONDS = 20;

    private GpuMemory() {}

    /**
     * Bytes that may be planned with on a device; empty on the CPU, and where nobody knows.
     *
     * @param asked for; 0 for what nobody uses, less a tenth
     */
    public static Optional<Long> budget(TorchDevice device, long asked) {
        if (device.isCpu()) {
            return Optional.empty();
        }
        if (asked > 0) {
            return Optional.of(asked);
        }
        OptionalLong free = free(device.index());
        return free.isPresent() ? Optional.of(free.getAsLong() / 10 * 9) : Optional.empty();
    }

    /**
     * Bytes that nobody uses of a GPU's memory, as {@code nvidia-smi} says.
     *
     * @param index among those that this process sees
     * @return empty if there is no {@code nvidia-smi}, or it does not know this GPU
     */
    private static OptionalLong free(int index) {
        String visible = System.getenv("CUDA_VISIBLE_DEVICES");
        String[] ids = visible == null || visible.isBlank() ? new String[0] : visible.split(",", -1);
        String id = index < ids.length ? ids[index].strip() : String.valueOf(index);
        try {
            Process process = new ProcessBuilder(
                            "nvidia-smi", "--id=" + id, "--query-gpu=memory.free", "--format=csv,noheader,nounits")
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            process.getOutputStream().close();
            try (BufferedReader out =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII))) {
                String mebibytes = out.readLine();
                boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
                return ended && process.exitValue() == 0 && mebibytes != null
                        ? OptionalLong.of(Long.parseLong(mebibytes.strip()) << 20)
                        : OptionalLong.empty();
            } finally {
                process.destroyForcibly();
            }
        } catch (IOException | NumberFormatException e) {
            log.info("Cannot ask nvidia-smi how much memory of GPU {} is free", id, e);
            return OptionalLong.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return OptionalLong.empty();
        }
    }
}
