package org.i2lspark.jobs.bench;

import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.cli.Main;

/**
 * A run of {@code generate} in a process of its own, on this machine, watched from beside.
 *
 * @param styles that it made
 * @param seconds from the start of the process to its end
 * @param imagesPerSecond while LoRAs came: from the end of the first tenth of them to the end of the ninth
 */
record WholeRun(int styles, int images, double seconds, double imagesPerSecond, Usage usage) {
    private static final int TENTHS = 10;

    /**
     * Runs it, and deletes what it wrote.
     *
     * @param folder an empty one, that holds the LoRAs for a while
     * @param photo of which each style's images are copies
     * @param options of {@code generate} besides catalog and output
     * @throws UnusableException if the run failed, with what it said
     */
    static WholeRun of(Path folder, Path photo, int styles, int imagesPerStyle, List<String> options)
            throws IOException {
        Path catalog = folder.resolve("catalog");
        Path output = folder.resolve("output");
        try {
            writeCatalog(catalog, photo, styles, imagesPerStyle);
            List<String> command = new ArrayList<>(List.of(
                    ProcessHandle.current().info().command().orElse("java"),
                    "-cp",
                    System.getProperty("java.class.path")));
            command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
            command.addAll(List.of(
                    Main.class.getName(),
                    "generate",
                    "--quiet",
                    "--catalog",
                    catalog.toString(),
                    "--output",
                    output.toString()));
            command.addAll(options);
            long start = System.nanoTime();
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            try (UsageSampler sampler = new UsageSampler(process.toHandle())) {
                String said = said(process);
                double seconds = (System.nanoTime() - start) / 1e9;
                if (process.waitFor() != 0) {
                    throw new UnusableException("Cannot time a whole run: generate said: " + said.strip());
                }
                long[] times = times(output.resolve("loras"));
                long from = times[times.length / TENTHS];
                long to = times[times.length - 1 - times.length / TENTHS];
                double made = (times.length - 1 - 2 * (times.length / TENTHS)) * (double) imagesPerStyle;
                return new WholeRun(
                        times.length,
                        times.length * imagesPerStyle,
                        seconds,
                        made * 1000 / Math.max(1, to - from),
                        sampler.usage(from, to));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("Interrupted", e);
            } finally {
                process.destroy();
            }
        } finally {
            delete(folder);
        }
    }

    private static String said(Process process) throws IOException {
        try (InputStream out = process.getInputStream()) {
            return new String(out.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Images that differ, for LoRAs are known by their images' bytes: what follows a JPEG's end is passed over. */
    private static void writeCatalog(Path catalog, Path photo, int styles, int imagesPerStyle) throws IOException {
        byte[] bytes = Files.readAllBytes(photo);
        String ending = photo.toString().replaceFirst(".*(\\.\\w+)$", "$1");
        for (int style = 0; style < styles; style++) {
            Path folder = Files.createDirectories(catalog.resolve("style-%05d".formatted(style)));
            for (int image = 0; image < imagesPerStyle; image++) {
                Path file = Files.write(folder.resolve(image + ending), bytes);
                Files.writeString(file, "%d %d".formatted(style, image), StandardOpenOption.APPEND);
            }
        }
    }

    private static long[] times(Path loras) throws IOException {
        try (Stream<Path> files = Files.walk(loras)) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(file -> file.toFile().lastModified())
                    .sorted()
                    .toArray();
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }

    Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("styles", styles);
        facts.put("images", images);
        facts.put("seconds", seconds);
        facts.put("images_per_second", imagesPerSecond);
        facts.putAll(usage.facts());
        return facts;
    }

    String text() {
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "generate: %d styles, %d images in %.1f s with start and end; %.2f images/s while LoRAs came%n",
                styles,
                images,
                seconds,
                imagesPerSecond));
        return text.append(usage.text()).toString();
    }
}
