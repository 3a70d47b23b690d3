package org.i2lspark.jobs.cli;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.map;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Runs;
import org.i2lspark.jobs.output.Upkeep;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An output that is moved, copied, damaged, or worked on by several: no command loses a LoRA or blesses a broken one. */
class OutputTruthTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");
    private static final int STYLES = 3;

    @TempDir
    private static Path models;

    /** An output of one run, which tests copy. */
    @TempDir
    private static Path made;

    @TempDir
    private Path folder;

    private Path output;

    @BeforeAll
    static void makeAnOutput() throws IOException {
        SampleModels.write(models);
        for (int i = 0; i < STYLES; i++) {
            Path style = Files.createDirectories(made.resolve("catalog/brand/style" + i));
            Files.copy(IMAGES.resolve(i % 2 + ".png"), style.resolve("image.png"));
            Files.write(style.resolve("image.png"), new byte[i], java.nio.file.StandardOpenOption.APPEND);
        }
        assertThat(generateInto(made.resolve("out")).exitCode()).isZero();
    }

    @BeforeEach
    void copyIt() throws IOException {
        output = folder.resolve("out");
        copy(made.resolve("out"), output);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path path : all.toList()) {
                Files.copy(path, to.resolve(from.relativize(path).toString()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    private static CommandLineRun generateInto(Path output) {
        return CommandLineRun.of((Object[]) generateArgs(output));
    }

    private static String[] generateArgs(Path output) {
        return new String[] {
            "generate",
            "--catalog",
            made.resolve("catalog").toString(),
            "--models",
            models.toString(),
            "--output",
            output.toString(),
            "--master",
            "local[2]",
            // what is made again is compared byte for byte
            "--reproducible"
        };
    }

    private static CommandLineRun verify(Object output, Object... more) {
        return onOutput("verify", output, more);
    }

    private static CommandLineRun vacuum(Object output, String olderThan) {
        return onOutput("vacuum", output, "--older-than", olderThan);
    }

    private static CommandLineRun onOutput(String command, Object output, Object... more) {
        List<Object> args = new ArrayList<>(List.of(command, "--output", output, "--master", "local[2]"));
        args.addAll(List.of(more));
        return CommandLineRun.of(args.toArray());
    }

    /** Content of all files of an output, by relative path; times of receipts and manifests may differ, bytes of LoRAs not. */
    private Map<String, String> loras() throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        try (Stream<Path> all = Files.walk(output.resolve("loras"))) {
            for (Path path : all.filter(Files::isRegularFile).toList()) {
                hashes.put(output.relativize(path).toString(), Arrays.hashCode(Files.readAllBytes(path)) + "");
            }
        }
        return hashes;
    }

    private List<Path> files(String below) throws IOException {
        try (Stream<Path> all = Files.walk(output.resolve(below))) {
            return all.filter(Files::isRegularFile)
                    .filter(file -> !file.getFileName().toString().startsWith("_"))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void anOutputIsTheSameWhereverItLiesAndHoweverItIsNamed() throws IOException {
        Path moved = folder.resolve("moved");
        Files.move(output, moved);
        Path link = Files.createSymbolicLink(folder.resolve("link"), moved);
        output = moved;
        Map<String, String> before = loras();
        for (String name : List.of(
                moved.toString(),
                link.toString(),
                folder + "/x/../moved",
                moved + "/",
                moved.toUri().toString())) {
            assertThat(verify(name).exitCode()).as(name).isZero();
            CommandLineRun vacuum = vacuum(name, "0s");
            assertThat(vacuum.exitCode()).as(name).isZero();
            assertThat(vacuum.out()).as(name).contains("0 LoRAs that no row names");
        }
        assertThat(loras()).isEqualTo(before).hasSize(STYLES);
        assertThat(generateInto(moved).out()).contains("0 done, 3 skipped");
        assertThat(loras()).isEqualTo(before);
    }

    /** Each kind of damage to a LoRA and its receipt. */
    @Test
    void whatIsDamagedIsFoundAndMadeAgainAndNothingElseChanges() throws IOException {
        Map<String, String> before = loras();
        Map<String, UnaryOperator<byte[]>> damages = new TreeMap<>(Map.of(
                "truncated", bytes -> Arrays.copyOf(bytes, bytes.length / 2),
                "flipped", OutputTruthTest::flipped,
                "deleted", bytes -> null));
        Map<String, List<String>> findings = Map.of(
                "truncated", List.of("wrong_size: 1", "receipt: 1"),
                "flipped", List.of("wrong_hash: 1", "receipt: 1"),
                "deleted", List.of("missing: 1", "receipt: 1"));
        for (Map.Entry<String, UnaryOperator<byte[]>> damage : damages.entrySet()) {
            damage(files("loras").get(0), damage.getValue());
            damage(files("_i2l/receipts").get(1), damage.getValue());
            CommandLineRun verify = verify(output);
            assertThat(verify.exitCode()).as(damage.getKey()).isEqualTo(Main.STYLES_FAILED);
            assertThat(verify.out())
                    .as(damage.getKey())
                    .contains(findings.get(damage.getKey()))
                    .doesNotContain("no_row");
            assertThat(generateInto(output).out()).as(damage.getKey()).contains("2 done, 1 skipped");
            CommandLineRun healed = verify(output);
            assertThat(healed.exitCode()).as(damage.getKey() + healed.out()).isZero();
            assertThat(loras().keySet()).as(damage.getKey()).isEqualTo(before.keySet());
            // the one that nobody touched
            assertThat(loras()).as(damage.getKey()).containsEntry(last(before), before.get(last(before)));
        }
    }

    private static String last(Map<String, String> map) {
        return ((TreeMap<String, String>) map).lastKey();
    }

    private static byte[] flipped(byte[] bytes) {
        byte[] other = bytes.clone();
        other[bytes.length * 2 / 3] ^= 1;
        return other;
    }

    private static void damage(Path file, UnaryOperator<byte[]> damage) throws IOException {
        byte[] damaged = damage.apply(Files.readAllBytes(file));
        if (damaged == null) {
            Files.delete(file);
        } else {
            Files.write(file, damaged);
        }
    }

    @Test
    void damageBehindTheSameSizeAndTimeIsFoundAndRepaired() throws IOException {
        Path lora = files("loras").get(0);
        FileTime time = Files.getLastModifiedTime(lora);
        Files.write(lora, flipped(Files.readAllBytes(lora)));
        Files.setLastModifiedTime(lora, time);
        // and a receipt of a style that failed, which no row's LoRA has
        Files.writeString(output.resolve("_i2l/receipts/brand/failed-0123456789abcdef.json"), "{\"sha256\":\"0");
        CommandLineRun repair = verify(output, "--repair");
        assertThat(repair.exitCode()).isEqualTo(Main.STYLES_FAILED);
        assertThat(repair.out())
                .contains("wrong_hash: 1")
                .contains("receipt: 1")
                .contains("[receipt] loras/brand/failed-0123456789abcdef.safetensors: its receipt cannot be read")
                .contains("3 damaged files were removed");
        assertThat(files("loras")).hasSize(STYLES - 1);
        assertThat(generateInto(output).out()).contains("1 done, 2 skipped");
        assertThat(verify(output).exitCode()).isZero();
    }

    /** Each table of the manifest, each kind of damage. */
    @Test
    void aDamagedManifestIsFoundAndItsLorasAreTakenUpAgain() throws IOException {
        Map<String, String> before = loras();
        for (String table : List.of("loras", "images", "runs", "runs of the first commit")) {
            List<Path> files = files("manifest/" + table.replaceAll(" .*", ""));
            damage(
                    files.get(table.endsWith("first commit") ? 0 : files.size() - 1),
                    table.startsWith("runs") ? bytes -> null : bytes -> Arrays.copyOf(bytes, bytes.length / 2));
            CommandLineRun found = verify(output, "--repair");
            assertThat(found.exitCode()).as(table).isEqualTo(Main.STYLES_FAILED);
            assertThat(found.out()).as(table).contains("manifest: 1");
            CommandLineRun vacuum = vacuum(output, "0s");
            assertThat(vacuum.exitCode()).as(table).isEqualTo(Main.UNUSABLE);
            assertThat(vacuum.err()).as(table).contains("nothing was removed");
            assertThat(generateInto(output).out()).as(table).contains("0 done, 3 skipped");
            CommandLineRun healed = verify(output);
            assertThat(healed.exitCode()).as(table + healed.out()).isZero();
            assertThat(vacuum(output, "0s").out()).as(table).contains("0 LoRAs that no row names");
            assertThat(output.resolve("_i2l/damaged")).as(table).doesNotExist();
            assertThat(loras()).as(table).isEqualTo(before);
        }
    }

    @Test
    void vacuumTouchesOnlyOutputsAndOnlyWhatItKnows() throws IOException {
        for (Path none : List.of(made.resolve("catalog"), folder.resolve("nothing"))) {
            CommandLineRun vacuum = vacuum(none, "0s");
            assertThat(vacuum.exitCode()).isEqualTo(Main.UNUSABLE);
            assertThat(vacuum.err()).contains("it is no output");
            assertThat(none.resolve("_i2l")).doesNotExist();
        }
        // by name and content: a LoRA of ours that no row names, a note, and a preview
        Path brand = output.resolve("loras/brand");
        Files.copy(files("loras").get(0), brand.resolve("stray-0123456789abcdef.safetensors"));
        Files.writeString(brand.resolve("notes-0123456789abcdef.safetensors"), "a note");
        Files.writeString(brand.resolve("preview.png"), "a picture");
        assertThat(vacuum(output, "0s").out())
                .contains("1 LoRAs that no row names")
                .contains("stray-");
        assertThat(files("loras")).hasSize(STYLES + 2);
        // a manifest of other files
        for (Path lora : files("loras")) {
            if (lora.toString().contains("style")) {
                Files.move(lora, lora.resolveSibling("other" + lora.getFileName()));
            }
        }
        CommandLineRun refused = vacuum(output, "0s");
        assertThat(refused.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(refused.err()).contains("not one of them is there");
        assertThat(files("loras")).hasSize(STYLES + 2);
    }

    @Test
    void whileARunLivesWhatHasAReceiptStays() throws IOException {
        // an earlier run was killed before it committed: LoRAs and receipts, no rows
        try (Stream<Path> all = Files.walk(output.resolve("manifest"))) {
            for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
        try (SparkSession spark = Sessions.start("test", Map.of("spark.master", "local[1]"))) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            OutputLayout layout = new OutputLayout(output.toUri().toString());
            new Runs(storage, layout.runs()).start("20990101T000000Z-aaaa");
        }
        assertThat(vacuum(output, "0s").out())
                .contains("0 LoRAs that no row names")
                .contains("0 folders of killed runs");
        assertThat(files("loras")).hasSize(STYLES);
        assertThat(output.resolve("_i2l/upkeep")).doesNotExist();
        Files.delete(output.resolve("_i2l/runs/20990101T000000Z-aaaa/alive"));
        assertThat(vacuum(output, "0s").out())
                .contains("3 LoRAs that no row names")
                .contains("1 folders of killed runs");
        assertThat(files("loras")).isEmpty();
        assertThat(files("_i2l/receipts")).isEmpty();
    }

    /** A vacuum has looked for runs, and found none; now a run begins; then the vacuum removes. */
    @Test
    void aRunWaitsForWhoRemovesBeforeItTakesAnythingUp() throws IOException {
        Map<String, String> before = loras();
        Storage storage = new Storage(new Configuration());
        OutputLayout layout = new OutputLayout(output.toUri().toString());
        Upkeep vacuum = Upkeep.begin(storage, layout);
        StringWriter out = new StringWriter();
        List<Integer> runsSeen = new ArrayList<>();
        PrintWriter err = new PrintWriter(new StringWriter()) {
            @Override
            public void write(String text, int offset, int length) {
                if (text.startsWith("Waiting for")) {
                    runsSeen.add(removeAll(storage, layout));
                    vacuum.close();
                }
            }
        };
        int exitCode = Main.run(new PrintWriter(out, true), err, generateArgs(output));
        assertThat(exitCode).isZero();
        // else a vacuum that began later would not see it
        assertThat(runsSeen).containsExactly(1);
        assertThat(out.toString()).contains("3 done, 0 skipped");
        assertThat(loras()).isEqualTo(before);
        assertThat(verify(output).exitCode()).isZero();
        assertThat(output.resolve("_i2l/upkeep")).doesNotExist();
    }

    private static int removeAll(Storage storage, OutputLayout layout) {
        try {
            storage.delete(layout.receipts());
            storage.delete(layout.loras());
            return new Runs(storage, layout.runs()).living().size();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void anOutputOfAnEarlierVersionIsReadToo() throws IOException {
        try (SparkSession spark = Sessions.start("test", Map.of("spark.master", "local[1]"))) {
            // there were no sums either
            Files.delete(files("manifest/sums").get(0));
            rewrite(
                    spark,
                    files("manifest/runs").get(0),
                    rows -> rows.withColumn("versions", map(lit("i2l-spark"), lit("0"))));
            rewrite(
                    spark,
                    files("manifest/loras").get(0),
                    rows -> rows.withColumn("lora_uri", concat(lit("file:/somewhere/else/"), col("lora_path")))
                            .drop("lora_path"));
            Manifest manifest = new Manifest(
                    spark,
                    new Storage(spark.sparkContext().hadoopConfiguration()),
                    new org.apache.hadoop.fs.Path(output.toUri()));
            manifest.createViews();
            List<Row> rows = spark.sql("SELECT lora_uri FROM loras").collectAsList();
            assertThat(rows).hasSize(STYLES).allMatch(row -> row.getString(0).startsWith("file:" + output + "/loras/"));
        }
        assertThat(verify(output).exitCode()).isZero();
        assertThat(vacuum(output, "0s").out()).contains("0 LoRAs that no row names");
    }

    private void rewrite(SparkSession spark, Path file, UnaryOperator<Dataset<Row>> change) throws IOException {
        Path changed = folder.resolve("changed-" + file.getFileName());
        change.apply(spark.read().parquet(file.toString())).coalesce(1).write().parquet(changed.toString());
        try (Stream<Path> written = Files.list(changed)) {
            Path part = written.filter(path -> path.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
            Files.copy(part, file, StandardCopyOption.REPLACE_EXISTING);
        }
        Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
    }
}
