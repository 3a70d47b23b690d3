package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.SparkException;
import org.i2lspark.jobs.UnusableException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the command line says of problems, and its exit codes. */
class MainTest {
    @TempDir
    private Path folder;

    @Test
    void aFaultOfTheProgramIsNotTheUsers() {
        Told told = explain(new IllegalArgumentException("Cannot pass to a graph: 7"));
        assertThat(told.exitCode()).isEqualTo(Main.BROKEN);
        assertThat(told.err())
                .containsPattern("^Error: the run broke: Cannot pass to a graph: 7 \\(at MainTest:[0-9]+\\)\\R")
                .contains("\tat " + MainTest.class.getName());
    }

    @Test
    void whatATaskFoundUnusableIsToldInALine() {
        UnusableException reason = new UnusableException("Cannot use the models: they have changed");
        Told told = explain(new SparkException(
                "Job aborted due to stage failure",
                new SparkException("Task failed", new UncheckedIOException("Task failed", reason))));
        assertThat(told.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(told.err().lines()).containsExactly("Error: Cannot use the models: they have changed");
    }

    @Test
    void anotherFaultOfATaskIsTheRuns() {
        Told told = explain(new SparkException("Job aborted", new IllegalArgumentException("no such tensor")));
        assertThat(told.exitCode()).isEqualTo(Main.BROKEN);
        assertThat(told.err())
                .containsPattern("^Error: the run broke: no such tensor \\(at MainTest:[0-9]+\\)\\R")
                .contains("\tat ");
    }

    @Test
    void aStoreThatFailsIsNoFaultOfTheProgram() {
        Told told = explain(new UncheckedIOException(new IOException("the store is gone")));
        assertThat(told.err()).containsPattern("^Error: the run broke: .*the store is gone\\R");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--batch-size -1                  | Invalid --batch-size: -1 (expected 0 or more)",
                "--max-images-per-style 0         | Invalid --max-images-per-style: 0 (expected 1 or more)",
                "--rank -2                        | Invalid --rank: -2 (expected 0 or more)",
                "--key-format peft                | Invalid --key-format: peft",
                "--max-pixels 0                   | Invalid --max-pixels: 0 (expected 1 to 715827882)",
                "--max-pixels 715827883           | Invalid --max-pixels: 715827883 (expected 1 to 715827882)",
                "--variants bold                  | Invalid variant: 'bold'",
                "--variants bias                  | Invalid variants: bias alone",
                "--variants style,fine            | Invalid variants: fine without coarse",
                "--max-failed-ratio 2             | Invalid --max-failed-ratio: 2.0 (expected 0 to 1)",
                "--max-failed-ratio -0.1          | Invalid --max-failed-ratio: -0.1 (expected 0 to 1)",
                "--max-failed-ratio NaN           | Invalid --max-failed-ratio: NaN (expected 0 to 1)",
                "--catalog-root s3a://b/photos    | Invalid --catalog-root: s3a://b/photos (expected a local folder)",
                "--catalog-root file://host/p     | Invalid --catalog-root: file://host/p (expected a local folder)",
                "--max-image-bytes 0              | Invalid --max-image-bytes: 0 (expected 1 or more)",
                "--conf fs.s3a.endpoint=here      | Invalid setting: 'fs.s3a.endpoint'",
                "--properties-file no-such.conf   | Cannot read --properties-file: Cannot open no-such.conf",
                "--output no:where                | Invalid --output: 'no:where' (expected a path or a URI)",
            })
    void anOptionOfNoUseIsToldInALine(String options, String message) throws IOException {
        List<Object> args = new ArrayList<>(List.of("generate", "--catalog", folder, "--models", folder));
        if (!options.startsWith("--output")) {
            args.addAll(List.of("--output", folder.resolve("output")));
        }
        args.addAll(List.of((Object[]) options.split(" ")));
        CommandLineRun run = CommandLineRun.of(args.toArray());
        assertThat(run.err().lines()).hasSize(1);
        assertThat(run.err()).startsWith("Error: " + message);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(Files.exists(folder.resolve("output"))).isFalse();
    }

    @Test
    void whatIsOutOfItsBoundsIsToldByEveryCommand() {
        assertThat(CommandLineRun.of("query", folder, "--rows", "-1").err().lines())
                .containsExactly("Error: Invalid --rows: -1 (expected 0 or more)");
        assertThat(CommandLineRun.of("bench", "--models", folder, "--repeats", "0")
                        .err()
                        .lines())
                .containsExactly("Error: Invalid --repeats: 0 (expected 1 or more)");
    }

    @Test
    void aSettingOfOursThatIsMistypedIsToldWithTheNearest() {
        CommandLineRun run = CommandLineRun.of("query", folder, "--conf", "spark.i2l.decoder.memroy=1g");
        assertThat(run.err().lines())
                .containsExactly(
                        "Error: Invalid setting: 'spark.i2l.decoder.memroy' (i2l has none of that name; did you mean spark.i2l.decoder.memory?)");
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
    }

    @Test
    void aSettingThatSparkCannotReadIsToldInALine() {
        CommandLineRun run = CommandLineRun.of("query", folder, "--conf", "spark.executor.memory=much");
        assertThat(run.err().lines()).hasSize(1);
        assertThat(run.err()).startsWith("Error: Cannot start Spark: ").contains("much");
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--catalog", "--models", "--output"})
    void aPlaceOfNoUseIsToldBeforeSparkStarts(String option) throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        Map<String, Path> places =
                new TreeMap<>(Map.of("--catalog", folder, "--models", folder, "--output", folder.resolve("output")));
        places.put(option, file.resolve("below"));
        List<String> args = new ArrayList<>(List.of("generate"));
        places.forEach((name, place) -> args.addAll(List.of(name, place.toString())));
        StringWriter err = new StringWriter();
        int exitCode =
                Main.run(new PrintWriter(new StringWriter()), new PrintWriter(err, true), args.toArray(new String[0]));
        assertThat(err.toString().lines())
                .singleElement(STRING)
                .startsWith("Error: Cannot ")
                .contains(file.toString());
        assertThat(exitCode).isEqualTo(Main.UNUSABLE);
    }

    private record Told(int exitCode, String err) {}

    private static Told explain(Exception problem) {
        StringWriter err = new StringWriter();
        int exitCode = Main.Verdict.on(problem).tell(new PrintWriter(err, true));
        return new Told(exitCode, err.toString());
    }
}
