package org.i2lspark.jobs.output;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.AbortMultipartUploadRequest;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.NoSuchUploadException;

/** Multipart uploads to S3 that were begun and never ended; nobody sees them, but they are paid for. */
public final class Uploads {
    private final S3AFileSystem fileSystem;
    private final Path folder;

    public Uploads(FileSystem fileSystem, Path folder) {
        this.fileSystem = (S3AFileSystem) fileSystem;
        this.folder = folder;
    }

    /** Those below the folder that began before. */
    public List<MultipartUpload> begunBefore(Instant time) throws IOException {
        String prefix = folder.toUri().getPath().replaceFirst("^/", "");
        List<MultipartUpload> old = new ArrayList<>();
        RemoteIterator<MultipartUpload> all = fileSystem.listUploads(prefix.isEmpty() ? null : prefix + "/");
        while (all.hasNext()) {
            MultipartUpload upload = all.next();
            if (upload.initiated().isBefore(time)) {
                old.add(upload);
            }
        }
        return old;
    }

    public void abort(MultipartUpload upload) throws IOException {
        S3Client client = fileSystem.getS3AInternals().getAmazonS3Client("i2l vacuum");
        try {
            client.abortMultipartUpload(AbortMultipartUploadRequest.builder()
                    .bucket(fileSystem.getBucket())
                    .key(upload.key())
                    .uploadId(upload.uploadId())
                    .build());
        } catch (NoSuchUploadException e) {
            // another has ended it since
            return;
        } catch (SdkException e) {
            throw new IOException("Cannot abort the upload of %s: %s".formatted(upload.key(), e.getMessage()), e);
        }
    }
}
