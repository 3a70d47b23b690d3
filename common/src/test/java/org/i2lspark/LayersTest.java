package org.i2lspark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class LayersTest {
    private static final Path SOURCES = Path.of("src/main/java");
    private static final Pattern OPTION = Pattern.compile("spark\\.i2l|\"[^\"]*--[a-z]|I2L_JAVA_OPTS");

    @Test
    void theLibraryNamesNoOptionOfTheCommandsThatUseIt() throws IOException {
        try (Stream<Path> files = Files.walk(SOURCES)) {
            List<Path> sources =
                    files.filter(file -> file.toString().endsWith(".java")).toList();
            assertThat(sources).isNotEmpty();
            for (Path source : sources) {
                assertThat(Files.readAllLines(source)).as(source.toString()).noneMatch(LayersTest::namesAnOption);
            }
        }
    }

    private static boolean namesAnOption(String line) {
        return OPTION.matcher(line).find();
    }
}
