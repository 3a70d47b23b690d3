package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.s3.FaultyS3;
import org.i2lspark.jobs.s3.FaultyS3.Fault;
import org.i2lspark.jobs.s3.FaultyS3.Refusal;
import org.i2lspark.jobs.s3.FaultyS3.Request;
import org.i2lspark.jobs.s3.S3Server;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What makes a store unusable is one line before any work begins. */
class S3PreliminariesTest {
    private static S3Server server;
    private static FaultyS3 faulty;

    private Path folder;

    @BeforeAll
    static void start() throws IOException {
        server = new S3Server();
        faulty = new FaultyS3(server.endpoint());
    }

    @AfterAll
    static void stop() {
        faulty.close();
        server.close();
    }

    @BeforeEach
    void choose() {
        faulty.reset();
        folder = new Path("s3a://" + S3Server.BUCKET + "/" + UUID.randomUUID());
    }

    /** As a user has it: with S3A's own patience. */
    private static Configuration configuration(URI endpoint) {
        Configuration configuration = S3Server.configuration(endpoint);
        for (String patience : new String[] {
            "retry.interval", "retry.throttle.interval", "retry.limit", "attempts.maximum", "connection.timeout"
        }) {
            configuration.unset("fs.s3a." + patience);
        }
        return configuration;
    }

    private static Storage storage() {
        return new Storage(configuration(faulty.endpoint()));
    }

    private static void answer(int status, String code, Predicate<Request> requests) {
        faulty.refuse(request -> requests.test(request) ? Optional.of(new Refusal(status, code)) : Optional.empty());
    }

    private static void assertUnusable(ThrowingCallable attempt, String beginning, String reason) {
        assertThatThrownBy(attempt)
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith(beginning)
                .hasMessageContaining(reason)
                .hasMessageNotContaining("\n");
    }

    @Test
    void aStoreThatAnswersIsReachableWhateverIsThere() throws IOException {
        Storage storage = storage();
        assertThatCode(() -> storage.requireReachable(folder, "catalog")).doesNotThrowAnyException();
        Path file = new Path(folder, "catalog.csv");
        storage.replace(file, folder, new byte[10]);
        assertThatCode(() -> storage.requireReachable(file, "catalog")).doesNotThrowAnyException();
        assertThatCode(() -> storage.requireReachable(folder, "catalog")).doesNotThrowAnyException();
        assertThatCode(() -> storage.requireReachable(new Path("s3a://" + S3Server.BUCKET), "catalog"))
                .doesNotThrowAnyException();
    }

    @Test
    void anUploadThatWasGivenUpWithoutAnAnswerIsGivenUp() {
        AtomicInteger given = new AtomicInteger();
        faulty.setPlan(request -> request.method().equals("DELETE")
                        && request.query().contains("uploadId")
                        && given.getAndIncrement() == 0
                ? Fault.ERROR_AFTER
                : Fault.NONE);
        assertThatCode(() -> storage().probe(folder, "output")).doesNotThrowAnyException();
        assertThat(given).hasValueGreaterThan(1);
    }

    @ParameterizedTest
    @CsvSource({
        "403, InvalidAccessKeyId, does not know the credentials (403 InvalidAccessKeyId)",
        "403, SignatureDoesNotMatch, does not know the credentials (403 SignatureDoesNotMatch)",
        "401, Unauthorized, does not know the credentials (401 Unauthorized)",
        "400, ExpiredToken, the credentials have expired (400 ExpiredToken)",
        "400, InvalidToken, the credentials have expired (400 InvalidToken)",
        "403, RequestTimeTooSkewed, clock differs",
        "403, AccessDenied, access denied (403 AccessDenied)",
        "404, NoSuchBucket, there is no bucket 'bucket'",
        "301, PermanentRedirect, in another region or at another endpoint",
        "400, AuthorizationHeaderMalformed, in another region or at another endpoint",
        "503, SlowDown, 503 SlowDown",
        "500, InternalError, 500 InternalError"
    })
    void whatTheStoreRefusesIsOneLine(int status, String code, String reason) {
        answer(status, code, request -> true);
        assertUnusable(() -> storage().requireReachable(folder, "models"), "Cannot reach models s3a://bucket/", reason);
        assertUnusable(() -> storage().probe(folder, "output"), "Cannot write to output s3a://bucket/", "");
    }

    @Test
    void nobodyAtTheEndpointIsOneLine() throws IOException {
        int free;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            free = socket.getLocalPort();
        }
        URI refused = URI.create("http://127.0.0.1:" + free);
        assertUnusable(
                () -> new Storage(configuration(refused)).requireReachable(folder, "output"),
                "Cannot reach output s3a://bucket/",
                "nobody answers at http://127.0.0.1:%d; check spark.hadoop.fs.s3a.endpoint".formatted(free));
        assertUnusable(
                () -> new Storage(configuration(URI.create("http://nobody.invalid")))
                        .requireReachable(folder, "output"),
                "Cannot reach output",
                "there is no host for http://nobody.invalid; check spark.hadoop.fs.s3a.endpoint");
        Configuration tls = configuration(
                URI.create("https://127.0.0.1:" + server.endpoint().getPort()));
        tls.set("fs.s3a.connection.ssl.enabled", "true");
        assertUnusable(
                () -> new Storage(tls).requireReachable(folder, "output"),
                "Cannot reach output",
                "no TLS connection to https://127.0.0.1");
    }

    @Test
    void aBucketThatIsNotThereIsOneLine() {
        Path absent = new Path("s3a://there-is-none/x");
        assertUnusable(
                () -> storage().requireReachable(absent, "catalog"),
                "Cannot reach catalog s3a://there-is-none/x: ",
                "there is no bucket 'there-is-none'");
        assertUnusable(() -> storage().probe(absent, "output"), "Cannot write to output", "there is no bucket");
    }

    @Test
    void noCredentialsAreOneLine() {
        Configuration configuration = configuration(faulty.endpoint());
        configuration.unset("fs.s3a.access.key");
        configuration.unset("fs.s3a.secret.key");
        configuration.set("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider");
        assertUnusable(
                () -> new Storage(configuration).requireReachable(folder, "output"),
                "Cannot reach output",
                "there are no credentials for S3; set spark.hadoop.fs.s3a.access.key");
    }

    @Test
    void otherStoresAreOneLineToo() {
        Storage storage = storage();
        assertUnusable(
                () -> storage.requireReachable(new Path("hdfs://nobody.invalid:8020/x"), "catalog"),
                "Cannot reach catalog hdfs://nobody.invalid:8020/x",
                "there is no host for nobody.invalid:8020");
        assertUnusable(
                () -> storage.requireReachable(new Path("hdfs://127.0.0.1:1/x"), "catalog"),
                "Cannot reach catalog hdfs://127.0.0.1:1/x",
                "nobody answers at 127.0.0.1:1");
        assertUnusable(
                () -> storage.requireReachable(new Path("gopher://x/y"), "catalog"),
                "Cannot reach catalog gopher://x/y",
                "gopher");
    }

    @Test
    void aProbeLeavesNothingBehind() throws IOException {
        storage().probe(folder, "output");
        assertThat(storage().files(folder)).isEmpty();
        assertThat(storage().status(folder)).isEmpty();
    }

    @Test
    void aPassingFaultDoesNotEndARun() throws IOException {
        AtomicInteger requests = new AtomicInteger();
        faulty.setPlan(request -> requests.incrementAndGet() % 4 == 2 ? Fault.RESET_AFTER : Fault.NONE);
        storage().requireReachable(folder, "output");
        storage().probe(folder, "output");
        faulty.reset();
        assertThat(storage().files(folder)).isEmpty();
    }

    @Test
    void aStoreWithoutConditionalWritesIsFoundBeforeTheWork() throws IOException {
        faulty.ignoreConditions();
        assertUnusable(
                () -> storage().probe(folder, "output"),
                "Cannot write to output s3a://bucket/",
                "makes a file that is there already a second time");
        assertThat(storage().files(folder)).isEmpty();
        faulty.reset();
        answer(501, "NotImplemented", request -> request.ifNoneMatch() != null);
        assertUnusable(
                () -> storage().probe(folder, "output"),
                "Cannot write to output s3a://bucket/",
                "conditional writes (If-None-Match: *) or multipart uploads (501 NotImplemented)");
        answer(501, "NotImplemented", request -> request.type().equals("CreateMultipartUpload"));
        assertUnusable(
                () -> storage().probe(folder, "output"), "Cannot write to output s3a://bucket/", "multipart uploads");
        assertThat(storage().files(folder)).isEmpty();
    }

    @Test
    void aBucketThatMayOnlyBeReadIsNoOutput() {
        answer(403, "AccessDenied", request -> request.method().equals("PUT"));
        assertThatCode(() -> storage().requireReachable(folder, "output")).doesNotThrowAnyException();
        assertUnusable(
                () -> storage().probe(folder, "output"), "Cannot write to output", "access denied (403 AccessDenied)");
        answer(
                403,
                "AccessDenied",
                request -> request.method().equals("DELETE") || request.type().equals("DeleteObjects"));
        assertUnusable(
                () -> storage().probe(folder, "output"), "Cannot write to output", "access denied (403 AccessDenied)");
    }
}
