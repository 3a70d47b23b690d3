package org.i2lspark.jobs.storage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Retries.LastingException;
import org.i2lspark.jobs.storage.Storage.Stored;

/**
 * Tries a store before any work begins, with a client that gives up soon: the usual ones wait for minutes, which is right for
 * a store that was there before and wrong for one that is named wrongly.
 */
final class Preliminaries {
    /** Within a minute, with what comes before and after. */
    private static final Duration LIMIT = Duration.ofSeconds(40);

    private static final Map<String, String> IMPATIENT_S3A = Map.of(
            "attempts.maximum", "1",
            "retry.limit", "0",
            "retry.throttle.limit", "0",
            "connection.establish.timeout", "15s",
            "connection.timeout", "15s",
            "connection.request.timeout", "20s");

    private static final Map<String, String> IMPATIENT_HDFS = Map.of(
            "ipc.client.connect.max.retries", "1",
            "ipc.client.connect.max.retries.on.timeouts", "1",
            "ipc.client.connect.timeout", "10000",
            "dfs.client.failover.max.attempts", "2",
            "dfs.client.retry.max.attempts", "2");

    private final Configuration configuration;
    private final Path path;

    Preliminaries(Configuration configuration, Path path) {
        this.configuration = impatient(configuration, path.toUri().getHost());
        this.path = path;
    }

    private static Configuration impatient(Configuration configuration, String bucket) {
        Configuration impatient = new Configuration(configuration);
        IMPATIENT_HDFS.forEach(impatient::set);
        IMPATIENT_S3A.forEach((name, value) -> {
            impatient.set("fs.s3a." + name, value);
            // wins over the setting for all buckets
            impatient.set("fs.s3a.bucket.%s.%s".formatted(bucket, name), value);
        });
        return impatient;
    }

    /** Something to be tried on a store. */
    private interface Trial {
        void run(Storage storage) throws IOException;
    }

    void reach(String purpose) throws UnusableException {
        attempt("Cannot reach %s %s".formatted(purpose, path), storage -> storage.reach(path));
    }

    void probe(String purpose) throws UnusableException {
        attempt("Cannot write to %s %s".formatted(purpose, path), storage -> {
            boolean wasThere = storage.status(path).isPresent();
            Path file = new Path(path, ".i2l-probe-" + UUID.randomUUID());
            try {
                useAsCommitsDo(storage, file);
            } catch (IOException | RuntimeException e) {
                cleanUpAfter(e, storage, file, wasThere);
                throw e;
            }
            cleanUp(storage, file, wasThere);
        });
    }

    private void useAsCommitsDo(Storage storage, Path file) throws IOException {
        createTwice(storage, file);
        byte[] third = bytes("replaced");
        storage.replace(file, path, third);
        if (!Arrays.equals(storage.readAll(file, third.length), third)) {
            throw new LastingException("a file that was replaced has other bytes than were written");
        }
        storage.tryLargeUpload(file);
    }

    private void cleanUpAfter(Exception cause, Storage storage, Path file, boolean wasThere) {
        try {
            cleanUp(storage, file, wasThere);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    private void cleanUp(Storage storage, Path file, boolean wasThere) throws IOException {
        storage.delete(file);
        if (!wasThere) {
            storage.deleteIfEmpty(path);
        }
    }

    private void createTwice(Storage storage, Path file) throws IOException {
        Stored first = storage.createOnce(file, path, out -> out.write(bytes("first")));
        Stored second = storage.createOnce(file, path, out -> out.write(bytes("second")));
        if (second.created() || !second.sha256().equals(first.sha256())) {
            throw new LastingException(
                    "the store makes a file that is there already a second time, though it is asked not to (on S3 by If-None-Match: *); of two tasks that write the same LoRA both would; use a store with conditional writes");
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private void attempt(String cannot, Trial trial) throws UnusableException {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        attempt(trial);
                        done.complete(null);
                    } catch (Throwable e) {
                        done.completeExceptionally(e);
                    }
                },
                "i2l-preliminaries");
        thread.setDaemon(true);
        thread.start();
        try {
            done.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException | CompletionException e) {
            throw new UnusableException(
                    "%s: %s".formatted(cannot, new StoreReason(configuration, path).of(e.getCause())), e.getCause());
        } catch (TimeoutException e) {
            thread.interrupt();
            throw new UnusableException(
                    "%s: no answer within %d seconds; %s"
                            .formatted(cannot, LIMIT.toSeconds(), new StoreReason(configuration, path).whereToLook()),
                    e);
        } catch (InterruptedException e) {
            thread.interrupt();
            Thread.currentThread().interrupt();
            throw new UnusableException(cannot + ": interrupted", e);
        }
    }

    private void attempt(Trial trial) throws IOException {
        try (FileSystem own = FileSystem.newInstance(path.toUri(), configuration)) {
            trial.run(new Storage(configuration, Store.of(own)));
        }
    }
}
