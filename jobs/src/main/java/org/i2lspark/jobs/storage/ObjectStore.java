package org.i2lspark.jobs.storage;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.BulkDelete;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.MultipartUploader;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.UploadHandle;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.util.functional.FutureIO;
import org.i2lspark.jobs.storage.Retries.LastingException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.exception.SdkException;

/** S3: an object appears when its upload is complete, on condition that there is none of its name, or over it. */
final class ObjectStore extends Store {
    private static final Logger log = LoggerFactory.getLogger(ObjectStore.class);
    private static final String CONDITIONAL_CREATE = "fs.option.create.conditional.overwrite";
    private static final String CONDITIONAL_REPLACE = "fs.option.create.conditional.overwrite.etag";
    /** What one request copies. */
    private static final long MAX_COPY_BYTES = 5L << 30;

    private static final Pattern MD5 = Pattern.compile("\"?[0-9a-f]{32}\"?");

    private final boolean usesTls;
    private volatile boolean hasMd5Tags;
    private volatile boolean hasOtherTags;

    ObjectStore(FileSystem fileSystem) {
        super(fileSystem);
        this.usesTls = usesTls(fileSystem.getConf());
    }

    @Override
    boolean isObjectStore() {
        return true;
    }

    @Override
    boolean createIfAbsent(Path path, Path scratch, HashedContent content) throws IOException {
        if (!fileSystem().hasPathCapability(path, CONDITIONAL_CREATE)) {
            throw new LastingException(
                    "Cannot write %s: this Hadoop's %s cannot create a file only if it is not there (S3A of Hadoop 3.4.2 or newer can)"
                            .formatted(path, fileSystem().getUri().getScheme()));
        }
        return uploadIf(builder(path).must(CONDITIONAL_CREATE, true), content);
    }

    @Override
    void replace(Path path, Path scratch, HashedContent content) throws IOException {
        upload(fileSystem().create(path, true), content);
    }

    @Override
    boolean replaceIfSame(Path path, Path scratch, byte[] expected, HashedContent content) throws IOException {
        FileStatus file;
        try {
            file = status(path);
        } catch (FileNotFoundException e) {
            return false;
        }
        if (!Arrays.equals(expected, readAll(file, Math.max(file.getLen(), expected.length)))) {
            return false;
        }
        return uploadIf(builder(path).must(CONDITIONAL_REPLACE, ((EtagSource) file).getEtag()), content);
    }

    private FSDataOutputStreamBuilder<?, ?> builder(Path path) throws IOException {
        return fileSystem().createFile(path).recursive().overwrite(true);
    }

    /** Whether the condition held; where it did not, nothing has changed. */
    private static boolean uploadIf(FSDataOutputStreamBuilder<?, ?> conditional, HashedContent content)
            throws IOException {
        try {
            upload((FSDataOutputStream) conditional.build(), content);
            return true;
        } catch (IOException e) {
            if (content.isComplete() && StoreProblems.isPreconditionFailed(e)) {
                return false;
            }
            throw e;
        }
    }

    /** The store copies the object itself. */
    @Override
    boolean copyWithin(Path from, Path to) throws IOException {
        if (!(fileSystem() instanceof S3AFileSystem s3a) || status(from).getLen() > MAX_COPY_BYTES) {
            return false;
        }
        try {
            s3a.getS3AInternals()
                    .getAmazonS3Client("i2l publish")
                    .copyObject(request -> request.sourceBucket(from.toUri().getAuthority())
                            .sourceKey(s3a.makeQualified(from).toUri().getPath().substring(1))
                            .destinationBucket(s3a.getBucket())
                            .destinationKey(
                                    s3a.makeQualified(to).toUri().getPath().substring(1)));
            return true;
        } catch (SdkException e) {
            throw new IOException("Cannot copy %s to %s: %s".formatted(from, to, e.getMessage()), e);
        }
    }

    /** Closing a stream makes the object, so when the content fails, the stream is aborted first. */
    private static void upload(FSDataOutputStream out, HashedContent content) throws IOException {
        try (out) {
            try {
                content.writeTo(out);
            } catch (IOException | RuntimeException | Error e) {
                out.abort();
                throw e;
            }
        }
    }

    @Override
    void rename(Path from, Path to) throws IOException {
        if (!exists(from)) {
            throw new FileNotFoundException("Cannot rename %s: there is no such file".formatted(from));
        }
        // S3A renames over nothing
        fileSystem().delete(to, false);
        if (!fileSystem().rename(from, to)) {
            throw new IOException("Cannot rename %s to %s".formatted(from, to));
        }
    }

    @Override
    Map<Path, IOException> deleteAll(Collection<Path> files) {
        Map<Path, IOException> failures = new HashMap<>();
        try (BulkDelete bulk = fileSystem().createBulkDelete(new Path("/"))) {
            List<Path> all = files.stream().map(fileSystem()::makeQualified).toList();
            for (int first = 0; first < all.size(); first += bulk.pageSize()) {
                deletePage(bulk, all.subList(first, Math.min(all.size(), first + bulk.pageSize())), failures);
            }
        } catch (IOException e) {
            files.forEach(file -> failures.putIfAbsent(file, e));
        }
        return failures;
    }

    private static void deletePage(BulkDelete bulk, List<Path> page, Map<Path, IOException> failures) {
        try {
            for (Map.Entry<Path, String> failed : Retries.run(() -> bulk.bulkDelete(new ArrayList<>(page)))) {
                failures.put(
                        failed.getKey(),
                        new IOException("Cannot delete %s: %s".formatted(failed.getKey(), failed.getValue())));
            }
        } catch (IOException e) {
            page.forEach(file -> failures.put(file, e));
        }
    }

    /** Listing, because answers to HEAD have no body that would say what is wrong. */
    @Override
    void reach(Path path) throws IOException {
        try {
            list(path);
        } catch (FileNotFoundException e) {
            // the store has answered
            return;
        } catch (AccessDeniedException e) {
            if (!mayRead(path)) {
                throw e;
            }
        }
    }

    private boolean mayRead(Path file) {
        try {
            return exists(file);
        } catch (IOException e) {
            log.info("Cannot ask for {}", file, e);
            return false;
        }
    }

    @Override
    void tryLargeUpload(Path path) throws IOException {
        try (MultipartUploader uploader =
                fileSystem().createMultipartUploader(path.getParent()).build()) {
            UploadHandle upload = FutureIO.awaitFuture(uploader.startUpload(path));
            abort(uploader, upload, path);
        }
    }

    private static void abort(MultipartUploader uploader, UploadHandle upload, Path path) throws IOException {
        try {
            FutureIO.awaitFuture(uploader.abort(upload, path));
        } catch (FileNotFoundException e) {
            // an attempt before did it, and its answer was lost
            return;
        }
    }

    /**
     * Reads an object once where that can be trusted. TLS notices each byte that changes on the way, so over TLS the length
     * is enough. TCP's own check lets some through: over plain HTTP an object's tag is compared, which is mostly the MD5 of
     * its bytes. Where it is not, as with KMS keys, reading again has to agree, until the bucket has shown that its tags are
     * all of that kind and say nothing.
     */
    @Override
    byte[] readAll(FileStatus file, long maxBytes) throws IOException {
        byte[] bytes = readWhole(file, maxBytes);
        if (isTrusted(file, bytes)) {
            return bytes;
        }
        if (!Arrays.equals(bytes, readWhole(file, maxBytes))) {
            throw new IOException("Cannot read %s: its bytes changed on the way".formatted(file.getPath()));
        }
        hasOtherTags = true;
        return bytes;
    }

    private byte[] readWhole(FileStatus file, long maxBytes) throws IOException {
        byte[] bytes;
        try {
            bytes = readAtMost(open(file), maxBytes);
        } catch (IOException e) {
            if (!StoreProblems.isPreconditionFailed(e)) {
                throw e;
            }
            // not as the cause: of a failed condition it is taken that it will fail again
            IOException changed = new IOException("Cannot read %s: it changed meanwhile".formatted(file.getPath()));
            changed.addSuppressed(e);
            throw changed;
        }
        if (bytes.length != file.getLen()) {
            throw new EOFException(
                    "Cannot read %s: got %d of %d bytes".formatted(file.getPath(), bytes.length, file.getLen()));
        }
        return bytes;
    }

    private boolean isTrusted(FileStatus file, byte[] bytes) {
        String etag = file instanceof EtagSource source ? source.getEtag() : null;
        if (usesTls || etag == null || !MD5.matcher(etag).matches()) {
            return true;
        }
        if (etag.contains(Hashes.md5(bytes))) {
            hasMd5Tags = true;
            return true;
        }
        return hasOtherTags && !hasMd5Tags;
    }

    @Override
    boolean hasSafeTransport() {
        return usesTls;
    }

    /** Whether S3A speaks TLS with its endpoint. */
    static boolean usesTls(Configuration configuration) {
        return configuration.getBoolean("fs.s3a.connection.ssl.enabled", true)
                && !configuration.getTrimmed("fs.s3a.endpoint", "").startsWith("http://");
    }
}
