package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SurroundingsTest {
    @TempDir
    private Path jars;

    @Test
    void thisSparkWillDo() {
        assertThat(Surroundings.problemOfSpark(getClass().getClassLoader())).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"3.5.6", "3.5.1-amzn-0", "2.4.8"})
    void anOlderSparkIsNamed(String version) throws IOException {
        try (URLClassLoader spark = spark(version)) {
            assertThat(Surroundings.problemOfSpark(spark))
                    .contains("Cannot run here: i2l needs Spark 4 or newer, with Scala 2.13; this is " + version);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"4.0.1", "4.1.1-SNAPSHOT", "10.0.0", "a-build-of-our-own"})
    void aNewerSparkWillDo(String version) throws IOException {
        try (URLClassLoader spark = spark(version)) {
            assertThat(Surroundings.problemOfSpark(spark)).isEmpty();
        }
    }

    @Test
    void thisUserHasAName() {
        assertThat(Surroundings.nameOfUnknownUser()).isEmpty();
    }

    private URLClassLoader spark(String version) throws IOException {
        Files.writeString(jars.resolve("spark-version-info.properties"), "version=%s\n".formatted(version));
        return new URLClassLoader(new URL[] {jars.toUri().toURL()}, null);
    }
}
