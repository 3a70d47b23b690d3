package org.i2lspark.jobs.storage;

import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.fs.s3a.AWSRedirectException;
import org.apache.hadoop.fs.s3a.CredentialInitializationException;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;
import org.apache.hadoop.fs.s3a.UnknownStoreException;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;

/** The types of S3A and its SDK; the one class that knows them. */
final class S3aProblems {
    private S3aProblems() {}

    static OptionalInt status(Throwable problem) {
        return StoreProblems.find(problem, AwsServiceException.class)
                .map(answer -> OptionalInt.of(answer.statusCode()))
                .orElse(OptionalInt.empty());
    }

    static Optional<String> errorCode(Throwable problem) {
        return StoreProblems.find(problem, AwsServiceException.class)
                .map(AwsServiceException::awsErrorDetails)
                .map(AwsErrorDetails::errorCode);
    }

    /** S3A's word for 412, which need not have a cause. */
    static boolean isRemoteFileChanged(Throwable problem) {
        return StoreProblems.has(problem, RemoteFileChangedException.class);
    }

    static boolean isLasting(Throwable problem) {
        return isRemoteFileChanged(problem)
                || isUnknownStore(problem)
                || isWithoutCredentials(problem)
                || StoreProblems.has(problem, AWSRedirectException.class);
    }

    static boolean isUnknownStore(Throwable problem) {
        return StoreProblems.has(problem, UnknownStoreException.class);
    }

    static boolean isWithoutCredentials(Throwable problem) {
        return StoreProblems.has(problem, CredentialInitializationException.class);
    }
}
