package org.i2lspark.image.isolated;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.ImageException.Problem;
import org.i2lspark.image.RgbImage;
import org.i2lspark.image.isolated.IsolatedDecoder.Decoded;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IsolatedDecoderTest {
    private static final Path IMAGES = Path.of("src/test/resources/reference/tiny/images");
    private static final long MAX_PIXELS = ImageDecoder.DEFAULT_MAX_PIXELS;
    private static final Duration MINUTE = Duration.ofMinutes(1);

    @TempDir
    private Path temp;

    /** A decoder that does what an image's first byte says; what has happened once, it writes down in a folder. */
    static final class Misbehaving {
        public static void main(String[] args) throws Exception {
            DecoderMain.endWith(Long.parseLong(args[0]));
            Path folder = Path.of(args[1]);
            DataInputStream in = new DataInputStream(System.in);
            DataOutputStream out = new DataOutputStream(System.out);
            out.write(DecoderMain.READY);
            out.flush();
            while (in.read() >= 0) {
                in.readLong();
                int[] sizes = new int[in.readInt()];
                for (int i = 0; i < sizes.length; i++) {
                    sizes[i] = in.readInt();
                }
                int first = in.readNBytes(in.readInt())[0];
                if (Files.exists(folder.resolve("broken"))) {
                    System.err.println("no space left");
                    Runtime.getRuntime().halt(7);
                }
                misbehave((char) first, folder);
                out.write(DecoderMain.DECODED);
                out.writeInt(1);
                out.writeInt(1);
                for (int size : sizes) {
                    out.write(new byte[size * size * RgbImage.CHANNELS]);
                }
                out.flush();
            }
        }

        private static void misbehave(char how, Path folder) throws Exception {
            switch (how) {
                case 'c' -> {
                    System.err.println("segmentation fault");
                    Runtime.getRuntime().halt(139);
                }
                case 'o' -> {
                    if (!Files.exists(folder.resolve("once"))) {
                        Files.createFile(folder.resolve("once"));
                        Runtime.getRuntime().halt(1);
                    }
                }
                case 'e' -> {
                    Files.createFile(folder.resolve("broken"));
                    Runtime.getRuntime().halt(1);
                }
                case 'm' -> {
                    System.out.write(DecoderMain.OUT_OF_MEMORY);
                    System.out.flush();
                    Runtime.getRuntime().halt(2);
                }
                case 'h' -> {
                    Files.createFile(folder.resolve("busy"));
                    Thread.sleep(Long.MAX_VALUE);
                }
                case 'w' -> {
                    Files.createFile(folder.resolve("waiting"));
                    while (!Files.exists(folder.resolve("go"))) {
                        Thread.sleep(10);
                    }
                }
                case 'b' -> {
                    while (!Thread.interrupted()) {
                        Thread.onSpinWait();
                    }
                }
                case 'n' -> {
                    System.out.print("nonsense");
                    System.out.flush();
                }
                default -> {
                    // a good image
                }
            }
        }
    }

    private IsolatedDecoder misbehaving(Duration limit) {
        return misbehaving(temp, limit);
    }

    private static IsolatedDecoder misbehaving(Path folder, Duration limit) {
        List<String> command = new ArrayList<>(IsolatedDecoder.javaCommand("64m", Misbehaving.class.getName()));
        command.add(folder.toString());
        return new IsolatedDecoder(command, limit);
    }

    @Test
    void agreesWithTheDecoderInThisProcess() throws IOException {
        byte[] bytes = Files.readAllBytes(IMAGES.resolve("0.png"));
        RgbImage image = new ImageDecoder(MAX_PIXELS).decode(bytes);
        try (IsolatedDecoder decoder = new IsolatedDecoder("512m", MINUTE)) {
            List<Decoded> all = IntStream.range(0, 8)
                    .parallel()
                    .mapToObj(i -> decode(decoder, bytes))
                    .toList();
            for (Decoded decoded : all) {
                assertThat(decoded.width()).isEqualTo(image.width());
                assertThat(decoded.height()).isEqualTo(image.height());
                assertThat(decoded.crops().get(0).pixels())
                        .isEqualTo(CoverCrop.apply(image, 1024, 1024).pixels());
                assertThat(decoded.crops().get(1).pixels())
                        .isEqualTo(CoverCrop.apply(image, 224, 224).pixels());
            }
        }
    }

    private static Decoded decode(IsolatedDecoder decoder, byte[] bytes) {
        try {
            return decoder.decode(bytes, MAX_PIXELS, List.of(1024, 224));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void refusesWhatTheDecoderRefuses() throws IOException {
        byte[] good = Files.readAllBytes(IMAGES.resolve("0.png"));
        try (IsolatedDecoder decoder = new IsolatedDecoder("512m", MINUTE)) {
            assertProblem(decoder, "just text".getBytes(UTF_8), MAX_PIXELS, Problem.UNSUPPORTED, "it is not an image");
            assertProblem(decoder, new byte[0], MAX_PIXELS, Problem.UNSUPPORTED, "Cannot decode image");
            assertProblem(decoder, good, 100, Problem.TOO_LARGE, "over the limit of 100");
            assertThat(decode(decoder, good).crops()).hasSize(2);
        }
    }

    @Test
    void memoryThatALargeImageTookIsGivenBack() throws Exception {
        Set<ProcessHandle> before = children(ProcessHandle.current());
        ByteArrayOutputStream large = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(8000, 8000, BufferedImage.TYPE_BYTE_BINARY), "png", large);
        try (IsolatedDecoder decoder = new IsolatedDecoder("1g", MINUTE)) {
            decoder.decode(large.toByteArray(), MAX_PIXELS, List.of(8));
            // what is asked next is answered only then
            decoder.decode(Files.readAllBytes(IMAGES.resolve("0.png")), MAX_PIXELS, List.of(8));
            Set<ProcessHandle> started = children(ProcessHandle.current());
            started.removeAll(before);
            assertThat(started).hasSize(1);
            assertThat(residentMegabytes(started.iterator().next())).isBetween(20L, 160L);
        }
    }

    private static long residentMegabytes(ProcessHandle process) throws IOException {
        String size = Files.readAllLines(Path.of("/proc/%d/status".formatted(process.pid()))).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .findFirst()
                .orElseThrow();
        return Long.parseLong(size.replaceAll("\\D", "")) >> 10;
    }

    @Test
    void anImageThatTakesTooMuchMemoryCostsItself() throws IOException {
        ByteArrayOutputStream large = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(6000, 6000, BufferedImage.TYPE_BYTE_BINARY), "png", large);
        try (IsolatedDecoder decoder = new IsolatedDecoder("64m", MINUTE)) {
            assertProblem(
                    decoder,
                    large.toByteArray(),
                    MAX_PIXELS,
                    Problem.OUT_OF_MEMORY,
                    "more memory than the decoder has");
        }
    }

    @Test
    void anImageThatKillsTheDecoderTwiceIsToBlame() {
        try (IsolatedDecoder decoder = misbehaving(MINUTE)) {
            assertProblem(
                    decoder,
                    new byte[] {'c'},
                    1,
                    Problem.FATAL,
                    "it ended the decoder's process (exit code 139): segmentation fault");
            assertProblem(decoder, new byte[] {'n'}, 1, Problem.FATAL, "it ended the decoder's process");
        }
    }

    @Test
    void anImageThatTakesTooMuchProcessorTimeIsToBlame() {
        try (IsolatedDecoder decoder = misbehaving(Duration.ofSeconds(1))) {
            assertProblem(
                    decoder, new byte[] {'b'}, 1, Problem.FATAL, "it took the decoder more than 1 s of processor time");
        }
    }

    @Test
    void startingIsNotHeldToTheLimitOfAnImage() throws IOException {
        try (IsolatedDecoder decoder = misbehaving(Duration.ofNanos(1))) {
            decoder.probe();
            assertProblem(decoder, new byte[] {'b'}, 1, Problem.FATAL, "of processor time");
        }
    }

    @Test
    void oneProcessServesOneThreadAndEndsWithTheDecoder() throws Exception {
        Set<ProcessHandle> before = children(ProcessHandle.current());
        Set<ProcessHandle> started;
        try (IsolatedDecoder decoder = misbehaving(MINUTE)) {
            decoder.decode(new byte[] {'g'}, 1, List.of());
            started = children(ProcessHandle.current());
            started.removeAll(before);
            assertThat(started).hasSize(1);
            decoder.decode(new byte[] {'g'}, 1, List.of());
            assertThat(children(ProcessHandle.current())).containsAll(started);
        }
        requireEnd(started);
    }

    @Test
    void aProcessThatIsAtWorkWhenTheDecoderClosesEndsThen() throws Exception {
        Set<ProcessHandle> before = children(ProcessHandle.current());
        IsolatedDecoder decoder = misbehaving(MINUTE);
        CompletableFuture<Decoded> decoded = CompletableFuture.supplyAsync(() -> decode(decoder, new byte[] {'w'}));
        while (!Files.exists(temp.resolve("waiting"))) {
            Thread.sleep(10);
        }
        decoder.close();
        Set<ProcessHandle> started = children(ProcessHandle.current());
        started.removeAll(before);
        Files.createFile(temp.resolve("go"));
        decoded.join();
        assertThat(started).hasSize(1);
        requireEnd(started);
    }

    @Test
    void processesEndWithTheirParentThatIsKilledAndLeaveNothing() throws Exception {
        Path folder = Files.createDirectory(temp.resolve("tmp"));
        Process parent = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Djava.io.tmpdir=" + folder,
                        "-XX:-UsePerfData",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Parent.class.getName(),
                        temp.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        Set<ProcessHandle> decoders = Set.of();
        try {
            assertThat(parent.inputReader().readLine()).isEqualTo("idle");
            while (!Files.exists(temp.resolve("busy"))) {
                Thread.sleep(10);
            }
            decoders = children(parent.toHandle());
            assertThat(decoders).hasSize(2);
            // one that is killed itself could remove nothing
            assertThat(folder).isEmptyDirectory();
        } finally {
            parent.destroyForcibly().waitFor();
        }
        requireEnd(decoders);
        assertThat(folder).isEmptyDirectory();
    }

    /** Has one decoder process that waits for work and one that works for ever. */
    static final class Parent {
        public static void main(String[] args) throws Exception {
            IsolatedDecoder real = new IsolatedDecoder("64m", MINUTE);
            real.probe();
            System.out.println("idle");
            misbehaving(Path.of(args[0]), Duration.ofDays(1)).decode(new byte[] {'h'}, 1, List.of());
        }
    }

    private static Set<ProcessHandle> children(ProcessHandle parent) {
        return parent.children().collect(Collectors.toCollection(HashSet::new));
    }

    private static void requireEnd(Set<ProcessHandle> processes) throws Exception {
        try {
            for (ProcessHandle process : processes) {
                process.onExit().get(5, TimeUnit.MINUTES);
            }
        } finally {
            processes.forEach(ProcessHandle::destroyForcibly);
        }
    }

    @Test
    void aProcessThatDiesByChanceIsReplaced() throws IOException {
        try (IsolatedDecoder decoder = misbehaving(MINUTE)) {
            assertThat(decoder.decode(new byte[] {'o'}, 1, List.of(2)).crops()).hasSize(1);
            assertThat(temp.resolve("once")).exists();
        }
    }

    @Test
    void noImageIsBlamedWhereTheKnownOnesFailToo() {
        try (IsolatedDecoder decoder = misbehaving(MINUTE)) {
            assertUnavailable(
                    () -> decoder.decode(new byte[] {'e'}, 1, List.of(2)),
                    "fails at a known good one, known.jpg",
                    "no space left");
        }
    }

    @Test
    void anImageThatFillsTheMemoryIsToBlameOnlyWhereTheKnownOnesDoNot() {
        try (IsolatedDecoder decoder = misbehaving(MINUTE)) {
            assertProblem(decoder, new byte[] {'m'}, 1, Problem.OUT_OF_MEMORY, "more memory than the decoder has");
        }
    }

    @Test
    void aWorkingDecoderPassesItsProbe() throws IOException {
        try (IsolatedDecoder decoder = new IsolatedDecoder("64m", MINUTE)) {
            decoder.probe();
            assertThat(decoder.decode(Files.readAllBytes(IMAGES.resolve("0.png")), MAX_PIXELS, List.of(8))
                            .crops())
                    .hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "lots,Invalid maximum heap size",
        "1k,Initial heap size set to a larger value",
        "9999999t,Could not reserve enough space"
    })
    void memoryThatCannotBeIsNoFaultOfAnImage(String heap, String reason) {
        try (IsolatedDecoder decoder = new IsolatedDecoder(heap, MINUTE)) {
            assertUnavailable(decoder::probe, "Cannot start a decoder process", reason, "check its memory");
            assertUnavailable(
                    () -> decoder.decode(Files.readAllBytes(IMAGES.resolve("0.png")), MAX_PIXELS, List.of(8)), reason);
        }
    }

    @Test
    void aMissingJavaIsNoFaultOfAnImage() {
        try (IsolatedDecoder decoder =
                new IsolatedDecoder(List.of(temp.resolve("java").toString()), MINUTE)) {
            assertUnavailable(decoder::probe, "Cannot start a decoder process", "No such file");
        }
    }

    @Test
    void aTemporaryFolderWithoutRoomForNativeReadersIsNamed() {
        List<String> command = new ArrayList<>(IsolatedDecoder.javaCommand("64m", DecoderMain.class.getName()));
        command.replaceAll(part -> part.startsWith("-Djava.io.tmpdir") ? "-Djava.io.tmpdir=/proc/none" : part);
        try (IsolatedDecoder decoder = new IsolatedDecoder(command, MINUTE)) {
            assertUnavailable(decoder::probe, "Cannot decode WEBP", "/proc/none", "set -Djava.io.tmpdir");
        }
    }

    private static void assertUnavailable(ThrowingCallable action, String... parts) {
        assertThatThrownBy(action)
                .isInstanceOf(DecoderUnavailableException.class)
                .hasMessageContainingAll(parts)
                .hasMessageNotContaining("\n");
    }

    private static void assertProblem(
            IsolatedDecoder decoder, byte[] bytes, long maxPixels, Problem problem, String message) {
        assertThatThrownBy(() -> decoder.decode(bytes, maxPixels, List.of(1024)))
                .isInstanceOfSatisfying(
                        ImageException.class, e -> assertThat(e.problem()).isEqualTo(problem))
                .hasMessageContaining(message);
    }
}
