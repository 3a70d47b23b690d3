package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** What commands tell programs, and what they keep quiet about. */
class ReportTest {
    private static final Path REFERENCE = Path.of(System.getProperty("i2l.reference"));
    private static final int LORA_BYTES = 1_000;

    @TempDir
    private static Path models;

    /** An output of two styles, of which one could not be made. */
    @TempDir
    private static Path made;

    private static JsonNode generated;

    @TempDir
    private Path folder;

    @BeforeAll
    static void makeAnOutput() throws IOException {
        SampleModels.write(models);
        Path catalog = Files.createDirectories(made.resolve("catalog"));
        Files.copy(REFERENCE.resolve("images/0.png"), catalog.resolve("good.png"));
        Files.writeString(catalog.resolve("bad.png"), "no image");
        generated = document(generate(made.resolve("out"), "--json"), Main.STYLES_FAILED);
    }

    private static CommandLineRun generate(Path output, String... more) {
        List<Object> args = new ArrayList<>(List.of(
                "generate",
                "--catalog",
                made.resolve("catalog"),
                "--models",
                models,
                "--output",
                output,
                "--master",
                "local[1]"));
        args.addAll(List.of(more));
        return CommandLineRun.of(args.toArray());
    }

    private static CommandLineRun onOutput(String command, Object... more) {
        List<Object> args = new ArrayList<>(List.of((Object[]) command.split(" ")));
        args.addAll(List.of("--output", made.resolve("out"), "--master", "local[1]"));
        args.addAll(List.of(more));
        return CommandLineRun.of(args.toArray());
    }

    /** The one document on standard output; that there is no second, the parser checks. */
    private static JsonNode document(CommandLineRun run, int exitCode) throws IOException {
        assertThat(run.exitCode()).as(run.err()).isEqualTo(exitCode);
        return JsonMapper.builder()
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .build()
                .readTree(run.out());
    }

    private static List<String> names(JsonNode document) {
        List<String> names = new ArrayList<>();
        document.fieldNames().forEachRemaining(names::add);
        return names;
    }

    @Test
    void generateTellsItsSummary() {
        assertThat(names(generated))
                .contains(
                        "dry_run",
                        "plan",
                        "run_id",
                        "status",
                        "output",
                        "styles_done",
                        "styles_skipped",
                        "styles_failed",
                        "images",
                        "lora_bytes",
                        "seconds",
                        "failures_by_class",
                        "failures",
                        "rows")
                .allMatch(name -> name.matches("[a-z][a-z0-9_]*"));
        assertThat(generated.get("dry_run").booleanValue()).isFalse();
        assertThat(generated.get("plan").get("styles").longValue()).isEqualTo(2);
        assertThat(generated.get("status").textValue()).isEqualTo("done_with_failures");
        assertThat(generated.get("styles_done").longValue()).isOne();
        assertThat(generated.get("styles_failed").longValue()).isOne();
        assertThat(generated.get("lora_bytes").isIntegralNumber()).isTrue();
        assertThat(generated.get("lora_bytes").longValue()).isGreaterThan(LORA_BYTES);
    }

    @Test
    void generateTellsWhatFailedAndWhereAllOfItIs() {
        JsonNode failure = generated.get("failures").get(0);
        assertThat(failure.get("style_id").textValue()).isEqualTo("bad");
        assertThat(failure.get("error_kind").textValue()).isEqualTo("image");
        String errorClass = failure.get("error_class").textValue();
        assertThat(generated.get("failures_by_class").get(errorClass).longValue())
                .isOne();
        assertThat(failure.get("error_message").textValue()).contains("bad.png");
        assertThat(Path.of(generated.get("rows").textValue().replaceFirst("^file:", "")))
                .isDirectory();
    }

    @Test
    void aDryRunTellsThePlan() throws IOException {
        JsonNode plan = document(generate(folder.resolve("new"), "--dry-run", "--json", "--quiet"), 0);
        assertThat(names(plan)).containsExactly("dry_run", "plan");
        assertThat(names(plan.get("plan")))
                .contains("styles", "images", "partitions", "model", "device", "precision", "batch_size");
        assertThat(plan.get("plan").get("images").longValue()).isEqualTo(2);
        assertThat(folder.resolve("new")).doesNotExist();
    }

    @Test
    void verifyTellsFindings() throws IOException {
        Path stray = made.resolve("out/loras/stray.safetensors");
        Files.writeString(stray, "stray");
        JsonNode found = document(onOutput("verify", "--json"), Main.STYLES_FAILED);
        Files.delete(stray);
        assertThat(found.get("clean").booleanValue()).isFalse();
        assertThat(found.get("findings_by_kind").get("no_row").longValue()).isOne();
        assertThat(found.get("findings").get(0).get("kind").textValue()).isEqualTo("no_row");
        assertThat(found.get("findings").get(0).get("path").textValue()).endsWith("stray.safetensors");
        JsonNode clean = document(onOutput("verify", "--json", "--quiet"), 0);
        assertThat(names(clean))
                .containsExactly("clean", "loras", "lora_bytes", "previews", "removed", "findings_by_kind", "findings");
        assertThat(clean.get("clean").booleanValue()).isTrue();
        assertThat(clean.get("lora_bytes")).isEqualTo(generated.get("lora_bytes"));
    }

    @Test
    void vacuumTellsWhatItWouldRemove() throws IOException {
        JsonNode found = document(onOutput("vacuum", "--dry-run", "--json"), 0);
        assertThat(names(found))
                .containsExactly(
                        "dry_run",
                        "superseded_count",
                        "superseded_bytes",
                        "superseded",
                        "lora_count",
                        "lora_bytes",
                        "loras",
                        "preview_count",
                        "preview_bytes",
                        "previews",
                        "runs",
                        "manifest_files",
                        "uploads");
        assertThat(found.get("dry_run").booleanValue()).isTrue();
        assertThat(found.get("lora_count").isIntegralNumber()).isTrue();
    }

    @Test
    void compactTellsHowManyFilesThereAre() throws IOException {
        JsonNode found = document(onOutput("manifest compact", "--dry-run", "--json"), 0);
        assertThat(names(found)).containsExactly("dry_run", "commits", "files_before", "files_after");
        assertThat(found.get("commits").longValue()).isOne();
    }

    @ParameterizedTest
    @ValueSource(strings = {"verify", "vacuum", "manifest compact"})
    void quietSaysNothingOfWhatWentWell(String command) {
        assertSilent(onOutput(command, "--quiet"), 0);
    }

    @Test
    void quietSaysNothingOfARunThatIsDone() {
        assertSilent(generate(made.resolve("out"), "--quiet"), Main.STYLES_FAILED);
    }

    @Test
    void loraCommandsTellWhatTheyWrote() throws IOException {
        Path lora = REFERENCE.resolve("lora_style_group.safetensors");
        Path reduced = folder.resolve("reduced.safetensors");
        JsonNode facts = document(
                CommandLineRun.of("lora", "reduce", lora, "--rank", 2, "--output", reduced, "--json", "--errors"), 0);
        assertThat(names(facts))
                .containsExactly(
                        "output", "rank", "bytes", "rank_before", "relative_error", "relative_error_by_module");
        assertThat(facts.get("bytes").longValue()).isEqualTo(Files.size(reduced));
        Path copy = folder.resolve("copy.safetensors");
        facts = document(CommandLineRun.of("lora", "convert", reduced, "--output", copy, "--json"), 0);
        assertThat(facts.get("rank").intValue()).isEqualTo(2);
        facts = document(
                CommandLineRun.of(
                        "lora", "merge", reduced, copy, "--output", folder.resolve("both.safetensors"), "--json"),
                0);
        assertThat(facts.get("rank").intValue()).isEqualTo(4);
        assertSilent(CommandLineRun.of("lora", "inspect", lora, "--quiet"), 0);
        assertSilent(CommandLineRun.of("lora", "diff", lora, copy, "--quiet"), 0);
    }

    @Test
    void queryTellsRowsWithTheirNullsAndWhetherTheseAreAll() throws IOException {
        String sql =
                "SELECT style_id, rank, error_class IS NULL AS good, error_kind, map('a', 0.5f) AS m, array(1, 2) AS a "
                        + "FROM loras ORDER BY style_id DESC";
        Path output = made.resolve("out");
        JsonNode all =
                document(CommandLineRun.of("query", output, sql, "--master", "local[1]", "--json", "--quiet"), 0);
        assertThat(all.get("complete").booleanValue()).isTrue();
        assertThat(all.get("rows").get(0))
                .hasToString(
                        "{\"style_id\":\"good\",\"rank\":4,\"good\":true,\"error_kind\":null,\"m\":{\"a\":0.5},\"a\":[1,2]}");
        assertThat(all.get("rows").get(1).get("error_kind").textValue()).isEqualTo("image");
        JsonNode first =
                document(CommandLineRun.of("query", output, sql, "--master", "local[1]", "--rows", 1, "--json"), 0);
        assertThat(first.get("complete").booleanValue()).isFalse();
        assertThat(first.get("rows")).hasSize(1);
    }

    @Test
    void imageToLoraTellsWhatItWrote() throws IOException {
        Path lora = folder.resolve("one.safetensors");
        Object[] command = {
            "image-to-lora", "--models", models, "--device", "cpu", "--output", lora, REFERENCE.resolve("images/0.png")
        };
        JsonNode facts = document(CommandLineRun.of(with(command, "--json", "--quiet")), 0);
        assertThat(names(facts))
                .containsExactly(
                        "dry_run",
                        "model",
                        "device",
                        "precision",
                        "image_sha256",
                        "output",
                        "rank",
                        "bytes",
                        "modules",
                        "relative_error");
        assertThat(facts.get("rank").intValue()).isEqualTo(4);
        assertThat(facts.get("bytes").longValue()).isEqualTo(Files.size(lora));
        assertThat(facts.get("image_sha256")).hasSize(1);
        JsonNode plan = document(CommandLineRun.of(with(command, "--json", "--overwrite", "--dry-run")), 0);
        assertThat(plan.get("dry_run").booleanValue()).isTrue();
        assertThat(plan.has("bytes")).isFalse();
        assertSilent(CommandLineRun.of(with(command, "--overwrite", "--quiet")), 0);
    }

    private static Object[] with(Object[] command, Object... more) {
        return Stream.concat(Stream.of(command), Stream.of(more)).toArray();
    }

    static Stream<CommandSpec> reporting() {
        return HelpTest.commands()
                .filter(command -> ReportOptions.of(command.commandLine()).isPresent());
    }

    /** Whatever the command: standard output holds one document, standard error the error and nothing else. */
    @ParameterizedTest
    @MethodSource("reporting")
    void anErrorIsADocumentToo(CommandSpec command) throws IOException {
        List<Object> args =
                new ArrayList<>(List.of((Object[]) command.qualifiedName(" ").split(" ")));
        args.remove(0);
        Path nowhere = folder.resolve("nowhere");
        command.requiredArgs().stream().filter(arg -> arg.isOption()).forEach(option -> {
            args.add(((CommandLine.Model.OptionSpec) option).longestName());
            args.add(nowhere);
        });
        command.positionalParameters().forEach(ignored -> args.add(nowhere));
        if (command.name().equals("reduce")) {
            args.addAll(List.of("--rank", 2));
        }
        args.addAll(List.of("--json", "--quiet"));
        CommandLineRun run = CommandLineRun.of(args.toArray());
        JsonNode document = document(run, Main.UNUSABLE);
        assertThat(names(document)).containsExactly("exit_code", "error");
        assertThat(document.get("exit_code").intValue()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err())
                .isEqualTo("Error: %s%n".formatted(document.get("error").textValue()));
    }

    @Test
    void theNightlyCommandsReport() {
        assertThat(reporting().map(command -> command.qualifiedName(" ")))
                .contains(
                        "i2l generate",
                        "i2l image-to-lora",
                        "i2l query",
                        "i2l verify",
                        "i2l vacuum",
                        "i2l manifest compact",
                        "i2l lora inspect",
                        "i2l lora merge",
                        "i2l lora reduce",
                        "i2l lora convert",
                        "i2l lora diff");
    }

    private static void assertSilent(CommandLineRun run, int exitCode) {
        assertThat(run.exitCode()).as(run.err()).isEqualTo(exitCode);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).isEmpty();
    }
}
