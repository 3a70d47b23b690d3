package org.i2lspark.image.isolated;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.ImageException.Problem;
import org.i2lspark.image.RgbImage;
import org.i2lspark.image.isolated.IsolatedDecoder.Decoded;
import org.junit.jupiter.api.Test;

class IsolatedDecoderTest {
    private static final Path IMAGES = Path.of("src/test/resources/reference/tiny/images");
    private static final long MAX_PIXELS = ImageDecoder.DEFAULT_MAX_PIXELS;
    private static final Duration MINUTE = Duration.ofMinutes(1);

    /** A decoder that crashes, hangs or answers nonsense, as the image's first byte says. */
    static final class Misbehaving {
        public static void main(String[] args) throws Exception {
            DataInputStream in = new DataInputStream(System.in);
            in.readNBytes(1 + 8 + 4 + 4 + 4);
            switch (in.read()) {
                case 'c' -> Runtime.getRuntime().halt(139);
                case 'h' -> Thread.sleep(60_000);
                default -> System.out.println("nonsense");
            }
        }
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
    void anImageThatKillsTheDecoderCostsItself() throws IOException {
        List<String> command = IsolatedDecoder.javaCommand("64m", Misbehaving.class.getName());
        try (IsolatedDecoder decoder = new IsolatedDecoder(command, Duration.ofSeconds(3))) {
            assertProblem(
                    decoder, new byte[] {'c'}, 1, Problem.FATAL, "it ended the decoder's process (exit code 139)");
            assertProblem(decoder, new byte[] {'h'}, 1, Problem.FATAL, "it took the decoder more than 3 s");
            assertThatThrownBy(() -> decoder.decode(new byte[] {'n'}, 1, List.of()))
                    .isInstanceOf(IOException.class);
        }
    }

    private static void assertProblem(
            IsolatedDecoder decoder, byte[] bytes, long maxPixels, Problem problem, String message) {
        assertThatThrownBy(() -> decoder.decode(bytes, maxPixels, List.of(1024)))
                .isInstanceOfSatisfying(
                        ImageException.class, e -> assertThat(e.problem()).isEqualTo(problem))
                .hasMessageContaining(message);
    }
}
