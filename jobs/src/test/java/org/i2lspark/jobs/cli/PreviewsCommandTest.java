package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.image.PngFile;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.ReferenceCase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Previews of the LoRAs of an output, through the command line, inside an embedded Spark. */
class PreviewsCommandTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");
    private static final String SPEC = """
            prompts: [a cat, "“你好”, a/dog"]
            size: 32x16
            steps: 2
            cfg: 1
            """;

    @TempDir
    private static Path made;

    private static Path models;

    @TempDir
    private Path folder;

    private Path output;
    private Path previews;

    /** Three styles of two brands. */
    @BeforeAll
    static void makeLoras() throws IOException {
        models = made.resolve("models");
        ReferenceCase.generate().writeModels(ReferenceCase.tiny().writeModels(models));
        for (String style : List.of("acme/b", "acme/a", "solo")) {
            Path image = made.resolve("catalog/" + style + "/image.png");
            Files.createDirectories(image.getParent());
            Files.copy(IMAGES.resolve(style.endsWith("a") ? "0.png" : "1.png"), image);
        }
        CommandLineRun run = CommandLineRun.of(generateArgs(made.resolve("out")));
        assertThat(run.exitCode()).as(run.err()).isZero();
    }

    private static Object[] generateArgs(Path output, Object... more) {
        List<Object> args = new ArrayList<>(
                List.of("generate", "--catalog", made.resolve("catalog"), "--models", models, "--output", output));
        args.addAll(List.of(more));
        return args.toArray();
    }

    @BeforeEach
    void copyThem() throws IOException {
        output = folder.resolve("out");
        try (Stream<Path> all = Files.walk(made.resolve("out"))) {
            for (Path path : all.toList()) {
                Files.copy(
                        path,
                        output.resolve(made.resolve("out").relativize(path).toString()),
                        StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
        previews = Files.writeString(folder.resolve("previews.yaml"), SPEC);
    }

    private CommandLineRun make(Object... more) {
        List<Object> args = new ArrayList<>(List.of(
                "previews", "--output", output, "--models", models, "--previews", previews, "--batch-size", "2"));
        args.addAll(List.of(more));
        return CommandLineRun.of(args.toArray());
    }

    private CommandLineRun on(String command, Object... more) {
        List<Object> args = new ArrayList<>(Arrays.asList(command.split(" ")));
        args.addAll(List.of("--output", output));
        args.addAll(List.of(more));
        return CommandLineRun.of(args.toArray());
    }

    private List<Row> rows(String sql) throws IOException {
        try (SparkSession spark = Sessions.start("test", Map.of("spark.master", "local[1]"))) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            new Manifest(spark, storage, storage.qualify(new org.apache.hadoop.fs.Path(output.toString())))
                    .createViews();
            return spark.sql(sql).collectAsList();
        }
    }

    /** Their hashes by path relative to the output. */
    private Map<String, String> pictures() throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        if (Files.exists(output.resolve("previews"))) {
            try (Stream<Path> all = Files.walk(output.resolve("previews"))) {
                for (Path path : all.filter(Files::isRegularFile).toList()) {
                    hashes.put(output.relativize(path).toString(), Hashes.sha256(Files.readAllBytes(path)));
                }
            }
        }
        return hashes;
    }

    @Test
    void eachPromptIsMadeWithEachLoraAndWithout() throws IOException {
        CommandLineRun run = make();
        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("3 styles, 8 previews with those of no style")
                .contains("Previews: 8 done, 0 skipped (unchanged), 0 failed");
        List<Row> rows = rows("SELECT p.*, l.sha256 AS of_lora FROM previews p LEFT JOIN loras l USING (style_id)");
        assertThat(rows).hasSize(8);
        Map<String, String> pictures = pictures();
        assertThat(pictures).hasSize(8);
        for (Row row : rows) {
            String path = row.getAs("preview_path");
            String style = row.getAs("style_id");
            assertThat(path).startsWith("previews/" + (style == null ? "_without_lora" : style) + "/");
            byte[] png = Files.readAllBytes(output.resolve(path));
            assertThat(row.<String>getAs("sha256")).isEqualTo(pictures.get(path));
            assertThat(row.<Long>getAs("bytes")).isEqualTo(png.length);
            assertThat(row.<String>getAs("lora_sha256")).isEqualTo(row.<String>getAs("of_lora"));
            assertThat(row.<String>getAs("preview_uri")).isEqualTo("file:" + output.resolve(path));
            assertThat(row.<String>getAs("status")).isEqualTo("done");
            assertThat(row.<Double>getAs("seconds")).isPositive();
            assertThat(row.<String, String>getJavaMap(row.fieldIndex("settings")))
                    .containsEntry("size", "32x16")
                    .containsEntry("scheduler", "qwen");
            Map<String, String> texts = PngFile.texts(png);
            assertThat(texts).containsEntry("i2l.fingerprint", row.<String>getAs("fingerprint"));
            assertThat(texts.get("parameters"))
                    .startsWith(row.<String>getAs("prompt") + "\nSteps: 2, Sampler: Euler, ")
                    .contains("CFG scale: 1, Seed: 0, Size: 32x16");
        }
        assertThat(pictures.values()).doesNotHaveDuplicates();
        assertThat(rows("SELECT previews_done, styles_done, catalog FROM runs ORDER BY run_id DESC LIMIT 1"))
                .extracting(Row::toString)
                .containsExactly("[8,0,null]");
        assertThat(output.resolve("_i2l/runs")).doesNotExist();
        assertThat(on("verify").out()).contains("previews: 8").contains("All are there");
    }

    @Test
    void generateMakesThemAfterItsCommit() throws IOException {
        Path other = folder.resolve("other");
        JsonNode dry = document(
                CommandLineRun.of(generateArgs(other, "--previews", previews, "--dry-run", "--json", "--quiet")));
        assertThat(dry.get("previews_at_most").longValue()).isEqualTo(8);
        assertThat(other).doesNotExist();
        output = other;
        JsonNode both = document(CommandLineRun.of(generateArgs(other, "--previews", previews, "--json", "--quiet")));
        assertThat(both.get("styles_done").longValue()).isEqualTo(3);
        assertThat(both.get("previews").get("previews_done").longValue()).isEqualTo(8);
        assertThat(pictures()).hasSize(8);
        assertThat(document(CommandLineRun.of("query", other, "--json", "--quiet"))
                        .get("rows"))
                .hasSize(3);
        // commits of both kinds become one
        assertThat(on("manifest compact").exitCode()).isZero();
        assertThat(rows("SELECT * FROM previews")).hasSize(8);
        assertThat(rows("SELECT * FROM loras")).hasSize(3);
        assertThat(on("verify").exitCode()).isZero();
        assertThat(make().out()).contains("Previews: 0 done, 8 skipped");
        assertThat(rows("SELECT * FROM previews")).hasSize(16);
    }

    private static JsonNode document(CommandLineRun run) throws IOException {
        assertThat(run.err()).isEmpty();
        return new JsonMapper().readTree(run.out());
    }

    @Test
    void whatCannotBeMadeIsSaidBeforeAnythingIsWritten() throws IOException {
        Files.writeString(previews, "step: 4");
        assertUnusable(make(), "did you mean steps?");
        assertUnusable(
                CommandLineRun.of(
                        "previews", "--output", output, "--models", models, "--previews", folder.resolve("no")),
                "Cannot read --previews");
        Files.writeString(previews, SPEC + "distilled: none.safetensors");
        assertUnusable(make(), "none.safetensors: there is no such file");
        Files.writeString(previews, "prompts: [\"" + "a cat ".repeat(2000) + "\"]");
        assertUnusable(make(), "Invalid prompt: it makes ");
        assertUnusable(
                CommandLineRun.of("previews", "--output", folder.resolve("new"), "--models", models),
                "no run is committed there");
        assertUnusable(
                CommandLineRun.of(generateArgs(folder.resolve("new"), "--model", "z-image", "--previews", previews)),
                "Invalid --previews: pictures are made with Qwen-Image (expected none with --model z-image)");
        assertThat(pictures()).isEmpty();
        assertThat(folder.resolve("new")).doesNotExist();
    }

    private static void assertUnusable(CommandLineRun run, String message) {
        assertThat(run.exitCode()).as(run.err()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).startsWith("Error: ").contains(message).hasLineCount(1);
    }
}
