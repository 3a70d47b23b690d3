package org.i2lspark.jobs.storage;

import java.io.IOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import javax.net.ssl.SSLException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.security.AccessControlException;
import org.i2lspark.jobs.Problems;

/** Says in a line why a store cannot be used, and what to set. */
final class StoreReason {
    private static final String SETTINGS = "spark.hadoop.fs.s3a.";
    private static final String CREDENTIALS =
            "%saccess.key and %ssecret.key in a properties file, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or %saws.credentials.provider"
                    .formatted(SETTINGS, SETTINGS, SETTINGS);

    private static final Set<String> WRONG_KEY = Set.of(
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "AuthFailure");
    private static final Set<String> EXPIRED =
            Set.of("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "RequestExpired");
    private static final Set<String> OTHER_REGION = Set.of(
            "PermanentRedirect",
            "TemporaryRedirect",
            "Redirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException");
    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 307, 308);
    private static final int UNAUTHORIZED = 401;
    private static final int FORBIDDEN = 403;
    private static final int NOT_IMPLEMENTED = 501;

    private final Configuration configuration;
    private final Path path;

    StoreReason(Configuration configuration, Path path) {
        this.configuration = configuration;
        this.path = path;
    }

    String of(Throwable problem) {
        return Secrets.redact(oneLine(ofConnection(problem)
                .or(() -> isS3() ? ofS3(problem) : Optional.empty())
                .or(() -> ofAccess(problem))
                .orElseGet(() -> Problems.describe(rootIfNotIo(problem)))));
    }

    private static String oneLine(String text) {
        return text.strip().lines().findFirst().orElse(text);
    }

    /** Hadoop wraps what it cannot load in exceptions that say nothing more. */
    private static Throwable rootIfNotIo(Throwable problem) {
        Throwable root = problem;
        while (!(root instanceof IOException) && root.getCause() != null) {
            root = root.getCause();
        }
        return root;
    }

    private boolean isS3() {
        return "s3a".equals(path.toUri().getScheme());
    }

    /** What to look at when nobody answers. */
    String whereToLook() {
        return isS3()
                ? "check %sendpoint, a proxy and the network".formatted(SETTINGS)
                : "check the address, the service there and the network";
    }

    private String address() {
        if (!isS3()) {
            return String.valueOf(path.toUri().getAuthority());
        }
        String endpoint = configuration.getTrimmed(
                "fs.s3a.bucket.%s.endpoint".formatted(path.toUri().getHost()),
                configuration.getTrimmed("fs.s3a.endpoint", ""));
        return endpoint.isEmpty() ? "Amazon's S3" : endpoint;
    }

    private Optional<String> ofConnection(Throwable problem) {
        Optional<UnknownHostException> unknown = StoreProblems.find(problem, UnknownHostException.class);
        if (unknown.isPresent()) {
            return Optional.of("there is no host for %s; %s".formatted(address(), whereToLook()));
        }
        Optional<SSLException> tls = StoreProblems.find(problem, SSLException.class);
        if (tls.isPresent()) {
            return Optional.of(
                    "no TLS connection to %s (%s); check %sendpoint and %sconnection.ssl.enabled, or add the store's certificate to Java's trust store"
                            .formatted(
                                    address(), oneLine(String.valueOf(tls.get().getMessage())), SETTINGS, SETTINGS));
        }
        for (Class<? extends IOException> type :
                Set.of(ConnectException.class, NoRouteToHostException.class, SocketTimeoutException.class)) {
            if (StoreProblems.has(problem, type)) {
                return Optional.of("nobody answers at %s; %s".formatted(address(), whereToLook()));
            }
        }
        return Optional.empty();
    }

    private Optional<String> ofS3(Throwable problem) {
        if (StoreProblems.has(problem, ClassNotFoundException.class)) {
            return Optional.of("this Spark has no S3A; add its jars with --jars, see 'S3' in README.md");
        }
        if (StoreProblems.isWithoutCredentials(problem)) {
            return Optional.of("there are no credentials for S3; set " + CREDENTIALS);
        }
        if (StoreProblems.isMissingStore(problem)) {
            return Optional.of(
                    "there is no bucket '%s' at %s".formatted(path.toUri().getHost(), address()));
        }
        OptionalInt status = StoreProblems.httpStatus(problem);
        return status.isPresent()
                ? ofAnswer(status.getAsInt(), StoreProblems.errorCode(problem).orElse("no code"))
                : Optional.empty();
    }

    private Optional<String> ofAnswer(int status, String code) {
        String answer = "%d %s".formatted(status, code);
        if (WRONG_KEY.contains(code) || status == UNAUTHORIZED) {
            return Optional.of("the store does not know the credentials (%s); check %s".formatted(answer, CREDENTIALS));
        }
        if (EXPIRED.contains(code)) {
            return Optional.of(
                    "the credentials have expired (%s); get new ones and set %ssession.token, or AWS_SESSION_TOKEN, with their keys"
                            .formatted(answer, SETTINGS));
        }
        if (OTHER_REGION.contains(code) || REDIRECTS.contains(status)) {
            return Optional.of(
                    "the bucket is in another region or at another endpoint (%s); set %sendpoint.region and %sendpoint"
                            .formatted(answer, SETTINGS, SETTINGS));
        }
        if (code.equals("RequestTimeTooSkewed")) {
            return Optional.of("this machine's clock differs too much from the store's (%s); set it".formatted(answer));
        }
        if (status == FORBIDDEN) {
            return Optional.of("access denied (%s); let these credentials list, read and write there, or set others: %s"
                    .formatted(answer, CREDENTIALS));
        }
        if (status == NOT_IMPLEMENTED) {
            return Optional.of(
                    "the store lacks what LoRAs are written with, conditional writes (If-None-Match: *) or multipart uploads (%s); use one that has them"
                            .formatted(answer));
        }
        return Optional.of("the store answered " + answer);
    }

    private static Optional<String> ofAccess(Throwable problem) {
        boolean denied = StoreProblems.has(problem, AccessDeniedException.class)
                || StoreProblems.has(problem, AccessControlException.class);
        return denied ? Optional.of("access denied") : Optional.empty();
    }
}
