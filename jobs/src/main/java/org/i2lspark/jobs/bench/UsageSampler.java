package org.i2lspark.jobs.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Looks again and again at what a process, its children and the GPUs use, by Linux' /proc and nvidia-smi. */
final class UsageSampler implements AutoCloseable {
    private static final int HOST_MILLISECONDS = 250;
    private static final String GPU_MILLISECONDS = "100";
    private static final long KIB = 1024;
    private static final long MIB = KIB * KIB;

    /** What nvidia-smi said. */
    private record Reading(long millis, int gpu, double busy, long bytes) {}

    private final ProcessHandle process;
    private final Thread host = new Thread(this::watchHost, "usage of the host");
    private final List<Reading> readings = new ArrayList<>();
    private final Process gpus;
    private long hostBytes;
    private long childrenBytes;
    private int children;
    private int threads;

    UsageSampler(ProcessHandle process) {
        this.process = process;
        this.gpus = startGpus();
        host.setDaemon(true);
        host.start();
    }

    private Process startGpus() {
        try {
            Process started = new ProcessBuilder(
                            "nvidia-smi",
                            "--query-gpu=index,utilization.gpu,memory.used",
                            "--format=csv,noheader,nounits",
                            "-lms",
                            GPU_MILLISECONDS)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            Thread reader = new Thread(() -> readGpus(started), "usage of GPUs");
            reader.setDaemon(true);
            reader.start();
            return started;
        } catch (IOException e) {
            // there is no nvidia-smi, so no GPU to look at
            return null;
        }
    }

    private void readGpus(Process started) {
        try (BufferedReader lines = started.inputReader(StandardCharsets.US_ASCII)) {
            for (String line; (line = lines.readLine()) != null; ) {
                String[] values = line.split(", *", -1);
                if (values.length == 3 && values[0].matches("\\d+")) {
                    Reading reading = new Reading(
                            System.currentTimeMillis(),
                            Integer.parseInt(values[0]),
                            Double.parseDouble(values[1]) / 100,
                            Long.parseLong(values[2]) * MIB);
                    synchronized (readings) {
                        readings.add(reading);
                    }
                }
            }
        } catch (IOException | NumberFormatException e) {
            // nvidia-smi was ended, or says that it does not know
            started.destroy();
        }
    }

    private void watchHost() {
        try {
            while (!Thread.interrupted()) {
                lookAtHost();
                Thread.sleep(HOST_MILLISECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void lookAtHost() {
        Map<String, Long> own = status(process);
        hostBytes = Math.max(hostBytes, own.getOrDefault("VmHWM", 0L) * KIB);
        threads = Math.max(threads, own.getOrDefault("Threads", 0L).intValue());
        List<ProcessHandle> now = process.descendants().toList();
        long bytes = now.stream()
                .mapToLong(child -> status(child).getOrDefault("VmRSS", 0L) * KIB)
                .sum();
        childrenBytes = Math.max(childrenBytes, bytes);
        children = Math.max(children, now.size());
    }

    private static Map<String, Long> status(ProcessHandle process) {
        Map<String, Long> values = new TreeMap<>();
        try {
            for (String line : Files.readAllLines(Path.of("/proc/%d/status".formatted(process.pid())))) {
                String[] parts = line.split("\\s+", -1);
                if (parts.length > 1 && parts[1].matches("\\d+")) {
                    values.put(parts[0].replace(":", ""), Long.valueOf(parts[1]));
                }
            }
        } catch (IOException e) {
            // it has ended
            return Map.of();
        }
        return values;
    }

    /**
     * What was seen.
     *
     * @param from of the time over which GPUs are judged, in milliseconds since the epoch
     */
    synchronized Usage usage(long from, long to) {
        Map<Integer, List<Reading>> byGpu = new TreeMap<>();
        synchronized (readings) {
            readings.forEach(reading ->
                    byGpu.computeIfAbsent(reading.gpu, gpu -> new ArrayList<>()).add(reading));
        }
        List<Usage.Gpu> seen = new ArrayList<>();
        byGpu.forEach((gpu, all) -> seen.add(new Usage.Gpu(
                gpu,
                all.stream()
                        .filter(reading -> reading.millis >= from && reading.millis <= to)
                        .mapToDouble(Reading::busy)
                        .average()
                        .orElse(0),
                all.stream().mapToLong(Reading::bytes).max().orElse(0))));
        return new Usage(hostBytes, childrenBytes, children, threads, seen);
    }

    @Override
    public void close() {
        host.interrupt();
        if (gpus != null) {
            gpus.destroy();
        }
    }
}
