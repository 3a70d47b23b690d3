package org.i2lspark.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.stream.Collectors;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a project sees that has the library as a dependency: the class path here is made as its own would be. */
class OneStyleTest {
    private static final Path IMAGE = Path.of("../../samples/catalog/aurora/dawn/1.jpg");
    private static final String CLASS_PATH = System.getProperty("java.class.path");

    @TempDir
    private static Path models;

    @TempDir
    private Path folder;

    @BeforeAll
    static void makeModels() throws IOException {
        SampleModels.write(models);
    }

    @Test
    void makesALora() throws IOException {
        Path lora = folder.resolve("style.safetensors");
        OneStyle.main(new String[] {models.toString(), lora.toString(), IMAGE.toString(), IMAGE.toString()});
        try (LoraFile file = LoraFile.open(lora)) {
            assertThat(file.rank()).isEqualTo(8);
            assertThat(file.modules()).hasSize(720);
        }
    }

    @Test
    void theLibraryForcesNoNativeLibraryAndNoSparkOnAProject() {
        assertThat(CLASS_PATH).contains("i2l-common").doesNotContain("webp-imageio", "spark-core", "hadoop");
    }

    @ParameterizedTest
    @CsvSource({
        "pytorch-native-cpu, 'none for linux-x86_64 is on the class path; add ai.djl.pytorch:pytorch-native-cpu:'",
        "pytorch-jni, 'the bridge to it is not on the class path; add ai.djl.pytorch:pytorch-jni:'"
    })
    void namesTheNativeLibraryThatIsMissing(String without, String advice) throws IOException, InterruptedException {
        String classPath = Arrays.stream(CLASS_PATH.split(File.pathSeparator))
                .filter(entry -> !entry.contains(without))
                .collect(Collectors.joining(File.pathSeparator));
        assertThat(run(classPath, IMAGE)).contains("UnusableLibraryException: Cannot load libtorch: " + advice);
    }

    @Test
    void namesTheReaderThatIsMissing() throws IOException, InterruptedException {
        Path webp = Files.write(folder.resolve("image.webp"), webp());
        assertThat(run(CLASS_PATH, webp))
                .contains("Cannot decode WEBP: no reader on the class path; add com.github.usefulness:webp-imageio");
    }

    /** What the program says as one of its own, which fails. */
    private String run(String classPath, Path image) throws IOException, InterruptedException {
        Process program = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        classPath,
                        OneStyle.class.getName(),
                        models.toString(),
                        folder.resolve("none.safetensors").toString(),
                        image.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(program.waitFor()).as(said).isOne();
        return said;
    }

    /** The smallest lossy image: one pixel. */
    private static byte[] webp() {
        return Base64.getDecoder().decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA");
    }
}
