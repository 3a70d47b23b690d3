package org.i2lspark.jobs.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On two executor processes: what is hostile costs its style, with a reason, and no executor. */
class HostileInputsTest {
    private static final Path REFERENCE = Path.of(System.getProperty("i2l.reference"));
    private static final int AT_LEAST = 150;

    @TempDir
    private Path folder;

    @Test
    void eachHostileInputFailsItsStyleWithAReason() throws IOException {
        HostileInputs inputs = new HostileInputs(folder.resolve("catalog"))
                .addDamagedImages(REFERENCE.resolve("../../images"))
                .addWrongTypes()
                .addBombs()
                .addForbiddenUris();
        Files.copy(REFERENCE.resolve("images/0.png"), folder.resolve("catalog/good.png"));
        assertThat(inputs.uris()).hasSizeGreaterThanOrEqualTo(AT_LEAST);
        Driver driver = run(inputs.writeCatalog("good.png"), "--allow-http", "--max-image-bytes", "20000000");
        assertThat(driver.exitCode()).as(driver.output()).isEqualTo(3);
        assertThat(driver.output())
                .doesNotContain("Lost executor")
                .contains("1 done, 0 skipped (unchanged), %d failed"
                        .formatted(inputs.uris().size()));

        Map<String, Row> rows = rows();
        assertThat(rows.get("good").<String>getAs("status")).isEqualTo("done");
        for (String style : inputs.uris().keySet()) {
            Row row = rows.get(style);
            assertThat(row).as(style).isNotNull();
            assertThat(row.<String>getAs("status")).as(style).isEqualTo("failed");
            assertThat(row.<String>getAs("error_kind")).as(style + row).isIn("image", "store");
            assertThat(row.<String>getAs("error_class")).as(style).isNotBlank();
            assertThat(row.<String>getAs("error_message"))
                    .as(style)
                    .isNotBlank()
                    .doesNotContain("secret@", "password@", "abcdef");
        }
        assertThat(rows.get("file deflated.png").<String>getAs("error_class")).isEqualTo("image_too_large");
        assertThat(rows.get("file deflated.png").<String>getAs("error_message"))
                .contains("more memory")
                .endsWith("(spark.i2l.decoder.memory)");
        assertThat(rows).hasSize(inputs.uris().size() + 1);
        if (Boolean.getBoolean("i2l.report")) {
            Map<String, Long> classes = new TreeMap<>();
            rows.values()
                    .forEach(row -> classes.merge(String.valueOf(row.<String>getAs("error_class")), 1L, Long::sum));
            System.out.printf(
                    "%nhostile inputs: %d, executors lost: 0, rows by class: %s%n",
                    inputs.uris().size(), classes);
        }
    }

    @Test
    void oddStyleIdsStayInTheirFolder() throws IOException {
        Path catalog = Files.createDirectories(folder.resolve("catalog"));
        Files.copy(REFERENCE.resolve("images/0.png"), catalog.resolve("good.png"));
        List<String> lines = new ArrayList<>();
        for (String id : HostileInputs.oddStyleIds()) {
            lines.add(new JsonMapper()
                    .createObjectNode()
                    .put("style_id", id)
                    .put("image", "good.png")
                    .toString());
        }
        Driver driver = run(Files.write(catalog.resolve("odd.jsonl"), lines));
        assertThat(driver.exitCode()).as(driver.output()).isZero();
        Map<String, Row> rows = rows();
        assertThat(rows).hasSameSizeAs(lines);
        String loras = "file:" + folder.resolve("out/loras") + "/";
        assertThat(rows.values()).allMatch(row -> row.<String>getAs("lora_uri").startsWith(loras));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("catalog", "drivers", "models", "out");
        }
    }

    private Driver run(Path catalog, String... more) throws IOException {
        SampleModels.write(folder.resolve("models"));
        Files.createDirectories(Path.of(System.getenv("SPARK_HOME")));
        List<String> command = new ArrayList<>(List.of(
                "generate",
                "--catalog",
                catalog.toString(),
                "--models",
                folder.resolve("models").toString(),
                "--output",
                folder.resolve("out").toString()));
        command.addAll(List.of(more));
        Map<String, String> settings = Map.of(
                "spark.master", "local-cluster[2,1,1024]",
                "spark.ui.enabled", "false",
                "spark.driver.host", "127.0.0.1",
                "spark.i2l.decoder.memory", "256m");
        return new Driver(folder.resolve("drivers"), settings, command);
    }

    private Map<String, Row> rows() throws IOException {
        try (SparkSession spark = EmbeddedSpark.start()) {
            Manifest manifest = new Manifest(
                    spark,
                    new Storage(new Configuration()),
                    new org.apache.hadoop.fs.Path(folder.resolve("out").toUri()));
            Map<String, Row> rows = new HashMap<>();
            manifest.rows(ManifestTable.LORAS).collectAsList().forEach(row -> rows.put(row.getAs("style_id"), row));
            return rows;
        }
    }
}
