package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.util.stream.Stream;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;
import org.apache.hadoop.fs.s3a.S3AUtils;
import org.apache.hadoop.fs.s3a.auth.NoAuthWithAWSException;
import org.apache.hadoop.hdfs.protocol.DSQuotaExceededException;
import org.apache.hadoop.hdfs.protocol.NSQuotaExceededException;
import org.apache.hadoop.ipc.RemoteException;
import org.i2lspark.jobs.storage.Retries.LastingException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.services.s3.model.S3Exception;

class StoreProblemsTest {
    /** Names of files may be anything, and errors repeat them. */
    private static final String TEMPTING =
            "style-00412/quota-images/out of memory/No space left on device/403/Permission denied/Read-only file system";

    /** As S3A gives them. */
    private static IOException answer(int status, String code) {
        AwsServiceException.Builder answer = S3Exception.builder();
        return S3AUtils.translateException(
                "PUT",
                TEMPTING,
                answer.statusCode(status)
                        .message(TEMPTING)
                        .awsErrorDetails(AwsErrorDetails.builder()
                                .errorCode(code)
                                .errorMessage(TEMPTING)
                                .build())
                        .build());
    }

    @ParameterizedTest
    @CsvSource({
        "500, InternalError",
        "502, BadGateway",
        "503, SlowDown",
        "503, ServiceUnavailable",
        "504, GatewayTimeout",
        "429, TooManyRequests",
        "400, RequestTimeout",
        "409, ConditionalRequestConflict",
        "409, OperationAborted",
        "200, InternalError"
    })
    void answersThatPass(int status, String code) {
        assertThat(StoreProblems.isPassing(answer(status, code))).isTrue();
        assertThat(StoreProblems.isPassing(new IOException(TEMPTING, answer(status, code))))
                .isTrue();
        assertThat(StoreProblems.isPreconditionFailed(answer(status, code))).isFalse();
        assertThat(StoreProblems.isFull(answer(status, code))).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "400, InvalidArgument",
        "400, ExpiredToken",
        "401, Unauthorized",
        "403, AccessDenied",
        "404, NoSuchKey",
        "404, NoSuchBucket",
        "405, MethodNotAllowed",
        "412, PreconditionFailed",
        "200, PreconditionFailed",
        "501, NotImplemented"
    })
    void answersThatStay(int status, String code) {
        assertThat(StoreProblems.isPassing(answer(status, code))).isFalse();
        assertThat(StoreProblems.isPreconditionFailed(answer(status, code)))
                .isEqualTo(code.equals("PreconditionFailed"));
    }

    static Stream<IOException> passing() {
        return Stream.of(
                new IOException(TEMPTING),
                new IOException("quota"),
                new IOException("412"),
                new java.io.EOFException(TEMPTING),
                new java.net.SocketException("Connection reset"),
                new java.net.SocketTimeoutException(TEMPTING),
                new java.net.ConnectException(TEMPTING),
                new FileSystemException(TEMPTING, null, "Input/output error"));
    }

    @ParameterizedTest
    @MethodSource
    void passing(IOException problem) {
        assertThat(StoreProblems.isPassing(problem)).isTrue();
        assertThat(StoreProblems.isFull(problem)).isFalse();
        assertThat(StoreProblems.isPreconditionFailed(problem)).isFalse();
        assertThat(StoreProblems.isUnreadable(problem)).isFalse();
    }

    static Stream<IOException> full() {
        return Stream.of(
                new DSQuotaExceededException(1, 2),
                new NSQuotaExceededException(1, 2),
                new IOException("x", new DSQuotaExceededException(1, 2)),
                new RemoteException(NSQuotaExceededException.class.getName(), "x"),
                new IOException("No space left on device"),
                new IOException("Disk quota exceeded"),
                new FileSystemException("x", null, "No space left on device"),
                new FileNotFoundException("/x/y (No space left on device)"),
                new IOException("x", new FileSystemException("x", null, "Disk quota exceeded")));
    }

    @ParameterizedTest
    @MethodSource
    void full(IOException problem) {
        assertThat(StoreProblems.isFull(problem)).isTrue();
        assertThat(StoreProblems.isPassing(problem)).isFalse();
    }

    static Stream<IOException> lasting() {
        return Stream.of(
                new LastingException("x"),
                new FileNotFoundException("x"),
                new AccessDeniedException("x"),
                new RemoteFileChangedException("x", "put", "412"),
                new IOException(new NoAuthWithAWSException("x")),
                new FileSystemException("x", null, "Read-only file system"));
    }

    @ParameterizedTest
    @MethodSource
    void lasting(IOException problem) {
        assertThat(StoreProblems.isPassing(problem)).isFalse();
        assertThat(StoreProblems.isFull(problem)).isFalse();
    }

    @Test
    void tellsWhatIsNotThereFromWhatMayNotBeRead() {
        assertThat(StoreProblems.isUnreadable(new FileNotFoundException("/a (Permission denied)")))
                .isTrue();
        assertThat(StoreProblems.isUnreadable(new FileNotFoundException("/a (Is a directory)")))
                .isTrue();
        assertThat(StoreProblems.isUnreadable(new AccessDeniedException("/a"))).isTrue();
        assertThat(StoreProblems.isUnreadable(
                        new FileNotFoundException("File /directory/Permission denied/a does not exist")))
                .isFalse();
        assertThat(StoreProblems.isUnreadable(
                        new FileNotFoundException("/a (Is a directory)/b (No such file or directory)")))
                .isFalse();
    }
}
