package org.i2lspark.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Compares the list of licences in the application jar with what the build bundles, as Maven tells it. */
class LicensesTest {
    private static final Pattern ARTIFACT =
            Pattern.compile("^\\s*([\\w.-]+):([\\w.-]+):jar:\\S+:(?:compile|runtime)", Pattern.MULTILINE);
    /** What is left to Spark: what the application jar's artifact set excludes. */
    private static final Pattern SPARKS = Pattern.compile(
            "(com\\.google\\.code\\.gson|com\\.google\\.errorprone|commons-codec|commons-io|org\\.slf4j):.*|org\\.apache\\.commons:commons-compress");

    /** What each licence says in its text. */
    private static final Map<String, String> WORDS = Map.of(
            "Apache-2.0", "Apache License",
            "BSD-3-Clause", "Redistribution and use in source",
            "GPL-3.0", "GCC RUNTIME LIBRARY EXCEPTION",
            "MIT", "Permission is hereby granted");

    private record Entry(String artifact, String license, String file) {}

    @Test
    void eachBundledArtifactHasALicense() throws IOException {
        List<String> bundled = bundled();
        assertThat(bundled).contains("ai.djl.pytorch:pytorch-native-cpu", "com.twelvemonkeys.imageio:imageio-jpeg");
        List<String> listed = entries().stream().map(Entry::artifact).toList();
        assertThat(bundled)
                .allSatisfy(artifact -> assertThat(listed).containsAnyOf(artifact, artifact.replaceFirst(":.*", ":*")));
    }

    @Test
    void eachLicenseIsOfSomethingAndHasItsText() throws IOException {
        List<String> bundled = bundled();
        for (Entry entry : entries()) {
            assertThat(bundled)
                    .anyMatch(artifact -> artifact.equals(entry.artifact)
                            || artifact.replaceFirst(":.*", ":*").equals(entry.artifact));
            assertThat(read(entry.file))
                    .as("%s of %s", entry.file, entry.artifact)
                    .contains(WORDS.get(entry.license));
        }
    }

    @Test
    void whatIsLinkedIntoALibraryIsLicensedToo() throws IOException {
        assertThat(read("PyTorch.txt")).contains("Name: mkl-dnn", "Name: XNNPACK", "Name: sleef", "Name: protobuf");
        assertThat(read("libwebp.txt")).contains("Additional IP Rights Grant (Patents)");
    }

    private static List<String> bundled() throws IOException {
        return ARTIFACT.matcher(Files.readString(Path.of(System.getProperty("i2l.bundled"))))
                .results()
                .filter(artifact -> !artifact.group(1).startsWith("com.fasterxml.jackson"))
                .map(LicensesTest::name)
                .filter(artifact -> !SPARKS.matcher(artifact).matches())
                .toList();
    }

    private static String name(MatchResult artifact) {
        return artifact.group(1) + ':' + artifact.group(2);
    }

    private static List<Entry> entries() throws IOException {
        return read("THIRD-PARTY.txt")
                .lines()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.split(" +", -1))
                .map(parts -> new Entry(parts[0], parts[1], parts[2]))
                .toList();
    }

    private static String read(String name) throws IOException {
        try (InputStream in = LicensesTest.class.getResourceAsStream("/META-INF/licenses/" + name)) {
            assertThat(in).as(name).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
