package org.i2lspark.jobs.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a process and its children used while they ran.
 *
 * @param hostBytes of memory that the process itself had at most
 * @param childrenBytes that its children had at most, together
 * @param children at most
 * @param threads of the process itself at most
 * @param gpus by index; empty where nvidia-smi finds none
 */
record Usage(long hostBytes, long childrenBytes, int children, int threads, List<Gpu> gpus) {
    /**
     * What a GPU did, everybody's use of it.
     *
     * @param busy share of the time in which it computed, from when LoRAs began to come until they had come
     * @param bytes of its memory in use at most
     */
    record Gpu(int index, double busy, long bytes) {}

    Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("host_bytes", hostBytes);
        facts.put("children_bytes", childrenBytes);
        facts.put("children", children);
        facts.put("threads", threads);
        facts.put(
                "gpus",
                gpus.stream()
                        .map(gpu -> Map.of("index", gpu.index, "busy", gpu.busy, "bytes", gpu.bytes))
                        .toList());
        return facts;
    }

    String text() {
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "  at most %.2f GB and %d threads, and %.2f GB in %d processes that decode images%n",
                hostBytes / 1e9,
                threads,
                childrenBytes / 1e9,
                children));
        gpus.forEach(gpu -> text.append(String.format(
                Locale.ROOT,
                "  GPU %d: busy %.0f %% of the time while LoRAs came; at most %.1f GiB in use%n",
                gpu.index,
                100 * gpu.busy,
                gpu.bytes / (double) (1 << 30))));
        return text.toString();
    }
}
