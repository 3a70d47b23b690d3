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
import java.util.List;
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
                case 'h' -> Thread.sleep(Long.MAX_VALUE);
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
        List<String> command = new ArrayList<>(IsolatedDecoder.javaCommand("64m", Misbehaving.class.getName()));
        command.add(temp.toString());
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
    void anImageThatTakesTooMuchMemoryCostsItself() throws IOException {
        ByteArrayOutputStream large = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(6000, 6000, BufferedImage.TYPE_BYTE_BINARY), "png", large);
        try (IsolatedDecoder decoder = new IsolatedDecoder("64m", MINUTE)) {
            assertProblem(
                    decoder, large.toByteArray(), MAX_PIXELS, Problem.TOO_LARGE, "more memory than the decoder has");
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
            // where the machine is slow, starting may take more than this limit, which is then not the image's fault
            assertThatThrownBy(() -> decoder.decode(new byte[] {'b'}, 1, List.of()))
                    .satisfiesAnyOf(
                            e -> assertThat(e)
                                    .isInstanceOf(ImageException.class)
                                    .hasMessage(
                                            "Cannot decode image: it took the decoder more than 1 s of processor time"),
                            e -> assertThat(e).isInstanceOf(DecoderUnavailableException.class));
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
            assertProblem(decoder, new byte[] {'m'}, 1, Problem.TOO_LARGE, "more memory than the decoder has");
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
    @CsvSource({"lots,Invalid maximum heap size", "1k,Too small maximum heap", "9999999t,Could not reserve enough space"
    })
    void memoryThatCannotBeIsNoFaultOfAnImage(String heap, String reason) {
        try (IsolatedDecoder decoder = new IsolatedDecoder(heap, MINUTE)) {
            assertUnavailable(decoder::probe, "Cannot start a decoder process", reason, "spark.i2l.decoder.memory");
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
