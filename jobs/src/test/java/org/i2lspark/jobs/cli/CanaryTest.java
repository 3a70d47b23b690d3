package org.i2lspark.jobs.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.faults.Driver;
import org.i2lspark.jobs.s3.FaultyS3;
import org.i2lspark.jobs.s3.FaultyS3.Fault;
import org.i2lspark.jobs.s3.S3Server;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plants secrets and looks for them in what runs, on an executor of their own and through failures, leave and print. */
class CanaryTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");
    private static final String URI_CANARY = "canary-in-uri-55a1";
    private static final String TOKEN_CANARY = "canary-session-token-0c4d";
    private static final String ENCRYPTION_CANARY = "canary-encryption-key-9e2b";
    private static final List<String> CANARIES =
            List.of(S3Server.SECRET_KEY, S3Server.ACCESS_KEY, URI_CANARY, TOKEN_CANARY, ENCRYPTION_CANARY);

    @TempDir
    private Path folder;

    @Test
    void secretsReachNoLogNoManifestAndNoMessage() throws IOException {
        SampleModels.write(folder.resolve("models"));
        Path events = Files.createDirectories(folder.resolve("events"));
        Files.createDirectories(Path.of(System.getenv("SPARK_HOME")));
        Path catalog = Files.createDirectories(folder.resolve("catalog"));
        Files.copy(IMAGES.resolve("0.png"), catalog.resolve("good.png"));
        Files.write(
                catalog.resolve("styles.csv"),
                List.of(
                        "style_id,image",
                        "good,good.png",
                        "user,https://user:%s@example.com/a.png".formatted(URI_CANARY),
                        "signed,https://example.com/a.png?X-Amz-Signature=%s".formatted(URI_CANARY),
                        "bucket,s3a://key:%s@bucket/a.png".formatted(URI_CANARY),
                        "missing,s3a://bucket/nowhere.png"));
        try (S3Server server = new S3Server();
                FaultyS3 faulty = new FaultyS3(server.endpoint())) {
            faulty.setPlan(
                    request -> request.method().equals("PUT") && request.path().contains("/out/loras/")
                            ? Fault.ERROR_BEFORE
                            : Fault.NONE);
            Map<String, String> settings = settings(faulty, events);
            Driver failing = start(settings, catalog);
            assertThat(failing.exitCode()).as(failing.output()).isEqualTo(Main.STYLES_FAILED);
            assertThat(failing.output())
                    .contains("store_write=1")
                    .contains("image_forbidden=3")
                    .contains("image_missing=1");
            faulty.setPlan(request -> Fault.NONE);
            Driver second = start(settings, catalog);
            assertThat(second.exitCode()).as(second.output()).isEqualTo(Main.STYLES_FAILED);
            assertThat(second.output()).contains("1 done, 0 skipped (unchanged), 4 failed");
            // a store that is down breaks a run
            faulty.setPlan(request -> Fault.RESET_BEFORE);
            Driver broken = start(settings, catalog);
            assertThat(broken.exitCode()).isNotZero();

            faulty.setPlan(request -> Fault.NONE);
            List<String> searched = new ArrayList<>();
            for (Path root : List.of(folder.resolve("drivers"), events)) {
                try (Stream<Path> files = Files.walk(root)) {
                    for (Path file : files.filter(Files::isRegularFile).toList()) {
                        assertClean(file.toString(), Files.readAllBytes(file));
                        searched.add(file.toString());
                    }
                }
            }
            Storage storage = new Storage(server.configuration());
            for (FileStatus file : storage.files(new org.apache.hadoop.fs.Path("s3a://bucket/out"))) {
                if (file.getPath().getName().endsWith(".parquet")) {
                    assertClean(
                            file.getPath().toString(),
                            rows(settings, file.getPath().toString()).getBytes(ISO_8859_1));
                }
                assertClean(file.getPath().toString(), storage.readAll(file.getPath(), Integer.MAX_VALUE));
                searched.add(file.getPath().toString());
            }
            assertThat(searched)
                    .anyMatch(file -> file.contains("/events/"))
                    .anyMatch(file -> file.contains("/manifest/loras/"))
                    .anyMatch(file -> file.contains("/receipts/"));
        }
    }

    /** Parquet's pages are compressed. */
    private static String rows(Map<String, String> settings, String file) throws IOException {
        Map<String, String> local = new TreeMap<>(settings);
        local.put("spark.master", "local[1]");
        local.remove("spark.eventLog.enabled");
        try (SparkSession spark = Sessions.start("test", local)) {
            return spark.read().parquet(file).toJSON().collectAsList().toString();
        }
    }

    private static void assertClean(String name, byte[] bytes) {
        String text = new String(bytes, ISO_8859_1);
        for (String canary : CANARIES) {
            assertThat(text.contains(canary)).as("%s in %s", canary, name).isFalse();
        }
    }

    private Driver start(Map<String, String> settings, Path catalog) throws IOException {
        return new Driver(
                folder.resolve("drivers"),
                settings,
                List.of(
                        "generate",
                        "--catalog",
                        catalog.resolve("styles.csv").toString(),
                        "--models",
                        folder.resolve("models").toString(),
                        "--output",
                        "s3a://bucket/out",
                        "--allow-http"));
    }

    private static Map<String, String> settings(FaultyS3 faulty, Path events) {
        Map<String, String> settings = new TreeMap<>();
        settings.put("spark.master", "local-cluster[1,1,1024]");
        settings.put("spark.ui.enabled", "false");
        settings.put("spark.driver.host", "127.0.0.1");
        settings.put("spark.eventLog.enabled", "true");
        settings.put("spark.eventLog.compress", "false");
        settings.put("spark.eventLog.dir", events.toUri().toString());
        settings.put("spark.hadoop.fs.s3a.bucket.other.session.token", TOKEN_CANARY);
        settings.put("spark.hadoop.fs.s3a.bucket.other.encryption.key", ENCRYPTION_CANARY);
        S3Server.hadoopSettings(faulty.endpoint()).forEach((key, value) -> settings.put("spark.hadoop." + key, value));
        settings.put("spark.hadoop.fs.s3a.retry.limit", "1");
        return settings;
    }
}
