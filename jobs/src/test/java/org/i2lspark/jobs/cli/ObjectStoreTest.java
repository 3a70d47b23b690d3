package org.i2lspark.jobs.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.s3.FaultyS3;
import org.i2lspark.jobs.s3.FaultyS3.Fault;
import org.i2lspark.jobs.s3.FaultyS3.Refusal;
import org.i2lspark.jobs.s3.S3Server;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.SampleModels;
import org.i2lspark.model.Variant;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Catalog, checkpoints and output on S3: the main job and what looks after its output. */
class ObjectStoreTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");

    private static S3Server server;
    private static FaultyS3 faulty;
    private static Storage storage;

    @TempDir
    private Path folder;

    private String root;

    @BeforeAll
    static void start() throws IOException {
        server = new S3Server();
        faulty = new FaultyS3(server.endpoint());
        storage = new Storage(S3Server.configuration(server.endpoint()));
    }

    @AfterAll
    static void stop() {
        faulty.close();
        server.close();
    }

    @BeforeEach
    void fillTheBucket() throws IOException {
        faulty.reset();
        root = "s3a://" + S3Server.BUCKET + "/" + UUID.randomUUID() + "/";
        Path models = folder.resolve("models");
        SampleModels.write(models);
        try (Stream<Path> files = Files.walk(models)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                upload(file, "models/" + models.relativize(file));
            }
        }
        for (String style : List.of("acme/waves", "acme/bold lines", "zen")) {
            upload(IMAGES.resolve("0.png"), "catalog/" + style + "/0.png");
            upload(IMAGES.resolve("1.png"), "catalog/" + style + "/1.png");
        }
        upload(IMAGES.resolve("2.png"), "catalog/solo.png");
    }

    @Test
    void aCatalogOnS3BecomesLorasOnS3() throws IOException {
        CommandLineRun first = generate();
        assertThat(first.err()).isEmpty();
        assertThat(first.exitCode()).isZero();
        assertThat(first.out()).contains("4 styles, 7 images").contains("4 done, 0 skipped (unchanged), 0 failed");
        assertThat(names("out/loras"))
                .hasSize(4)
                .anyMatch(name -> name.matches("out/loras/acme/bold lines-[0-9a-f]{16}\\.safetensors"));
        assertThat(names("out/_i2l/runs")).isEmpty();
        assertThat(rows("SELECT status FROM loras")).hasSize(4);
        assertThat(rows("SELECT uri FROM images WHERE siglip2 IS NOT NULL")).hasSize(7);
        assertThat(verify().out()).contains("LoRAs named by the manifest: 4").contains("All are there");
        // a run through stores that fail now and then changes nothing either
        int[] requests = {0};
        faulty.setPlan(request -> ++requests[0] % 10 == 3 ? Fault.ERROR_AFTER : Fault.NONE);
        CommandLineRun again = generate();
        assertThat(again.out()).as(again.err()).contains("0 done, 4 skipped (unchanged), 0 failed");
        faulty.setPlan(request -> Fault.NONE);
        assertThat(rows("SELECT run_id FROM runs")).hasSize(2);

        CommandLineRun compact = run("manifest", "compact", "--output", output());
        assertThat(compact.out()).contains("2 commits in").contains("now 3 files");
        assertThat(rows("SELECT run_id FROM runs")).hasSize(2);
        assertThat(rows("SELECT status FROM loras")).hasSize(8);
        assertThat(rows("SELECT uri FROM images")).hasSize(14);
        assertThat(run("manifest", "compact", "--output", output()).out()).contains("nothing to do");

        assertThat(run("vacuum", "--output", output()).out()).contains("0 manifest files");
        assertThat(run("vacuum", "--output", output(), "--older-than", "0s", "--dry-run")
                        .out())
                .contains("8 manifest files that do not count would be removed");
        assertThat(run("vacuum", "--output", output(), "--older-than", "0s").out())
                .contains("0 LoRAs")
                .contains("8 manifest files");
        assertThat(names("out/manifest"))
                .filteredOn(name -> name.endsWith(".parquet"))
                .hasSize(3);
        assertThat(rows("SELECT status FROM loras")).hasSize(8);
        assertThat(verify().exitCode()).isZero();
    }

    @Test
    void previewsGoBesideTheLorasOnS3() throws IOException {
        upload(Files.writeString(folder.resolve("p.yaml"), "prompts: a cat\nsize: 16x16\nsteps: 2\ncfg: 1"), "p.yaml");
        assertThat(generate("--previews", root + "p.yaml").out()).contains("Previews: 5 done, 0 skipped");
        assertThat(names("out/previews"))
                .hasSize(5)
                .anyMatch(name -> name.matches("out/previews/acme/bold lines/a cat-[0-9a-f]{16}\\.png"));
        assertThat(rows("SELECT preview_path FROM previews WHERE status = 'done'"))
                .hasSize(5);
        assertThat(run("previews", "--output", output(), "--models", root + "models", "--previews", root + "p.yaml")
                        .out())
                .contains("Previews: 0 done, 5 skipped");
        assertThat(verify().out()).contains("previews: 5").contains("All are there");
    }

    @Test
    void verifyFindsWhatIsWrongAndVacuumRemovesWhatIsLeft() throws IOException {
        assertThat(generate().exitCode()).isZero();
        List<String> loras = names("out/loras");
        storage.delete(path(loras.get(0)));
        storage.replace(
                path("out/loras/stray-0123456789abcdef.safetensors"),
                path("x"),
                storage.readAll(path(loras.get(3)), Integer.MAX_VALUE));
        byte[] lora = storage.readAll(path(loras.get(1)), Integer.MAX_VALUE);
        lora[lora.length - 1] ^= 1;
        storage.replace(path(loras.get(1)), path("x"), lora);
        storage.replace(path(loras.get(2)), path("x"), Arrays.copyOf(lora, 1000));
        try (FileSystem fileSystem = path("x").getFileSystem(S3Server.configuration(server.endpoint()))) {
            FSDataOutputStream abandoned = fileSystem.create(path("out/loras/never-ended.safetensors"));
            abandoned.write(new byte[6_000_000]);
            abandoned.hflush();
            CommandLineRun verify = verify();
            assertThat(verify.exitCode()).isEqualTo(Main.STYLES_FAILED);
            assertThat(verify.out())
                    .contains("missing: 1")
                    .contains("wrong_hash: 1")
                    .contains("wrong_size: 1")
                    .contains("no_row: 1");
            assertThat(run("vacuum", "--output", output(), "--older-than", "1h").out())
                    .contains("0 LoRAs");
            assertThat(run("vacuum", "--output", output(), "--older-than", "0s").out())
                    .contains("1 LoRAs that no row names")
                    .contains("1 uploads that were never ended removed");
            assertThat(names("out/loras")).noneMatch(name -> name.contains("stray"));
            assertThat(run("vacuum", "--output", output(), "--older-than", "0s").out())
                    .contains("0 uploads");
            abandoned.abort();
        }
        // what is missing or damaged is made again
        assertThat(generate().out()).contains("3 done, 1 skipped");
        assertThat(verify().exitCode()).isZero();
    }

    @Test
    void aStoreThatCannotBeUsedIsOneLineOfEachCommand() {
        faulty.refuse(request -> Optional.of(new Refusal(403, "InvalidAccessKeyId")));
        for (CommandLineRun run : List.of(
                generate(),
                generate("--dry-run"),
                verify(),
                run("vacuum", "--output", output()),
                run("manifest", "compact", "--output", output()),
                run("query", output(), "SELECT 1"))) {
            assertThat(run.exitCode()).as(run.err()).isEqualTo(Main.UNUSABLE);
            assertThat(run.err().lines())
                    .singleElement(STRING)
                    .startsWith("Error: Cannot reach ")
                    .contains("InvalidAccessKeyId");
        }
        faulty.refuse(request ->
                request.ifNoneMatch() == null ? Optional.empty() : Optional.of(new Refusal(501, "NotImplemented")));
        CommandLineRun unconditional = generate();
        assertThat(unconditional.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(unconditional.err().lines())
                .singleElement(STRING)
                .startsWith("Error: Cannot write to output s3a://")
                .contains("conditional writes");
    }

    @Test
    void checkpointsAreCopiedOnceAndChecked() throws IOException {
        Path cache = folder.resolve("cache");
        // broken off after its first block
        faulty.setPlan(request ->
                isDecoder(request) && !request.range().startsWith("bytes=0-") ? Fault.ERROR_BEFORE : Fault.NONE);
        assertThat(generate().exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(cache).isDirectoryRecursivelyContaining("glob:**/.Qwen-Image-i2L-Style.safetensors.part");
        int[] firstBlocks = {0};
        faulty.setPlan(request -> {
            firstBlocks[0] += isDecoder(request) && request.range().startsWith("bytes=0-") ? 1 : 0;
            return Fault.NONE;
        });
        assertThat(generate().exitCode()).isZero();
        assertThat(firstBlocks[0]).isZero();

        upload(
                folder.resolve("models").resolve(BaseModel.QWEN_IMAGE.path(Variant.STYLE)),
                "models/" + BaseModel.QWEN_IMAGE.path(Variant.STYLE));
        int[] reads = {0};
        faulty.setPlan(request -> {
            reads[0] += isDecoder(request) ? 1 : 0;
            return Fault.NONE;
        });
        // options that make this process open the checkpoints again
        assertThat(generate("--batch-size", "3").exitCode()).isZero();
        assertThat(reads[0]).isPositive();
        reads[0] = 0;
        assertThat(generate("--lora-dtype", "float32").exitCode()).isZero();
        assertThat(reads[0]).isZero();
        assertThat(cache).isDirectoryRecursivelyContaining("glob:**/Qwen-Image-i2L-Style.safetensors");
        assertThat(cache).isDirectoryNotContaining("glob:**/*.part");

        // another version, of which the first copy arrives damaged
        String decoder = BaseModel.QWEN_IMAGE.path(Variant.STYLE);
        upload(folder.resolve("models").resolve(decoder), "models/" + decoder);
        int[] corrupted = {0};
        faulty.setPlan(request -> isDecoder(request) && corrupted[0]++ == 0 ? Fault.CORRUPTED : Fault.NONE);
        String sum = Hashes.sha256(Files.readAllBytes(folder.resolve("models").resolve(decoder)));
        storage.replace(
                path("models/SHA256SUMS"),
                path("x"),
                "%s  %s\n".formatted(sum, decoder).getBytes(UTF_8));
        assertThat(generate("--batch-size", "4").out()).contains("0 done, 4 skipped");
        assertThat(corrupted[0]).isGreaterThan(1);

        storage.replace(
                path("models/SHA256SUMS"),
                path("x"),
                "%064d  %s\n".formatted(0, decoder).getBytes(UTF_8));
        upload(folder.resolve("models").resolve(decoder), "models/" + decoder);
        CommandLineRun wrong = generate("--batch-size", "5");
        assertThat(wrong.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(wrong.err())
                .contains("Cannot copy the checkpoints of s3a://")
                .contains("(expected 000000");
        storage.delete(path("models/" + decoder));
        assertThat(generate("--batch-size", "6").err()).contains(decoder + ": checkpoint missing");
    }

    @Test
    void aDryRunCopiesNoCheckpoints() throws IOException {
        List<String> read = new CopyOnWriteArrayList<>();
        faulty.setPlan(request -> {
            if (isDecoder(request)) {
                read.add(request.range());
            }
            return Fault.NONE;
        });
        CommandLineRun plan = generate("--dry-run");
        assertThat(plan.exitCode()).as(plan.err()).isZero();
        assertThat(plan.out()).contains("4 styles, 7 images").contains("Dry run: nothing was written.");
        assertThat(folder.resolve("cache")).doesNotExist();
        assertThat(names("out")).isEmpty();
        // the length of the header, and the header
        assertThat(read).hasSize(2).allMatch(range -> range.startsWith("bytes=0-"));

        storage.delete(path("models/" + BaseModel.QWEN_IMAGE.path(Variant.STYLE)));
        CommandLineRun missing = generate("--dry-run");
        assertThat(missing.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(missing.err()).contains("Cannot read the checkpoints of").contains("checkpoint missing");
    }

    private static boolean isDecoder(FaultyS3.Request request) {
        return request.type().equals("GetObject") && request.path().endsWith("Style.safetensors");
    }

    private String output() {
        return root + "out";
    }

    private CommandLineRun verify() {
        return run("verify", "--output", output());
    }

    private CommandLineRun generate(Object... more) {
        List<Object> args = new ArrayList<>(
                List.of("generate", "--catalog", root + "catalog", "--models", root + "models", "--output", output()));
        args.addAll(Arrays.asList(more));
        return run(args.toArray());
    }

    private CommandLineRun run(Object... command) {
        List<Object> args = new ArrayList<>(Arrays.asList(command));
        settings().forEach((key, value) -> args.addAll(List.of("--conf", key + "=" + value)));
        return CommandLineRun.of(args.toArray());
    }

    private Map<String, String> settings() {
        Map<String, String> settings = new TreeMap<>();
        settings.put("spark.master", "local[2]");
        settings.put("spark.i2l.checkpoint.cache", folder.resolve("cache").toString());
        S3Server.hadoopSettings(faulty.endpoint()).forEach((key, value) -> settings.put("spark.hadoop." + key, value));
        return settings;
    }

    private org.apache.hadoop.fs.Path path(String name) {
        return new org.apache.hadoop.fs.Path(root + name);
    }

    private void upload(Path file, String name) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            storage.replace(path(name), path("x"), in.readAllBytes());
        }
    }

    private List<String> names(String prefix) throws IOException {
        return storage.files(path(prefix)).stream()
                .map(FileStatus::getPath)
                .map(path -> path.toString().substring(root.length()))
                .sorted()
                .toList();
    }

    private List<Row> rows(String sql) throws IOException {
        try (SparkSession spark = Sessions.start("test", settings())) {
            Manifest manifest = new Manifest(
                    spark,
                    new Storage(spark.sparkContext().hadoopConfiguration()),
                    new org.apache.hadoop.fs.Path(output()));
            manifest.createViews();
            return spark.sql(sql).collectAsList();
        }
    }
}
