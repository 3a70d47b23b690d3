package org.i2lspark.jobs.s3;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * Writing LoRAs as the job does, against the same bytes in one upload of the plain SDK, in turn. Not a check but a
 * measurement: {@code mvn -pl jobs -am test -Dtest=WriteThroughputTest -Di2l.report=true -Dsurefire.failIfNoSpecifiedTests=false}.
 */
@EnabledIfSystemProperty(named = "i2l.report", matches = "true")
class WriteThroughputTest {
    /** A LoRA of rank 4 for the released model, in bfloat16. */
    private static final int LORA_BYTES = 59_000_000;

    private static final int ROUNDS = 15;

    @Test
    void measure() throws IOException {
        byte[] lora = new byte[LORA_BYTES];
        new Random(1).nextBytes(lora);
        List<Double> ours = new ArrayList<>();
        List<Double> plain = new ArrayList<>();
        try (S3Server server = new S3Server()) {
            Configuration configuration = server.configuration();
            configuration.set("fs.s3a.multipart.size", "16M");
            configuration.set("fs.s3a.fast.upload.buffer", "bytebuffer");
            configuration.setBoolean("fs.s3a.impl.disable.cache", false);
            Storage storage = new Storage(configuration);
            Path root = new Path("s3a://" + S3Server.BUCKET);
            S3Client client = ((S3AFileSystem) root.getFileSystem(configuration))
                    .getS3AInternals()
                    .getAmazonS3Client("plain uploads");
            for (int i = 0; i < ROUNDS; i++) {
                Path path = new Path("s3a://%s/ours/%d".formatted(S3Server.BUCKET, i));
                ours.add(megabytesPerSecond(() -> storage.createOnce(path, path.getParent(), out -> out.write(lora))));
                String key = "plain/" + i;
                plain.add(megabytesPerSecond(() -> client.putObject(
                        request -> request.bucket(S3Server.BUCKET).key(key), RequestBody.fromBytes(lora))));
                storage.delete(path);
                storage.delete(new Path("s3a://%s/%s".formatted(S3Server.BUCKET, key)));
            }
        }
        System.out.printf(
                "%nwrites of %d MB to the S3 server on loopback, median of %d: as the job writes %.0f MB/s, plain SDK %.0f MB/s, ratio %.2f%n",
                LORA_BYTES / 1_000_000, ROUNDS, median(ours), median(plain), median(ours) / median(plain));
        assertThat(ours).hasSize(ROUNDS);
    }

    @FunctionalInterface
    private interface Action {
        void run() throws IOException;
    }

    private static double megabytesPerSecond(Action action) throws IOException {
        long start = System.nanoTime();
        action.run();
        return LORA_BYTES / 1e6 / ((System.nanoTime() - start) / 1e9);
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }
}
