package org.i2lspark.jobs.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathIsDirectoryException;
import org.i2lspark.jobs.storage.Retries.LastingException;

/** Reads the images that a catalog names, as far as the rules allow. */
public final class ImageSource {
    private static final Pattern SCHEME = Pattern.compile("^([a-zA-Z][a-zA-Z0-9+.-]*):/.*", Pattern.DOTALL);
    private static final Set<String> STORES = Set.of("file", "hdfs", "s3a");
    private static final Set<String> WEB = Set.of("http", "https");

    private final Storage storage;
    private final Rules rules;
    private final WebImages web;
    private final ParquetImages rows;

    /**
     * What may be read. The rows of a catalog come from somewhere else, and the executors that read what they name may
     * see more than whoever wrote them.
     *
     * @param allowHttp whether images on the web may be read
     * @param localRoot folder below which local images may be read; null where the catalog is no table, so that the images
     *     were found by listing
     * @param catalog from whose own file system images may always be read; null when there is none
     * @param maxBytes files of more bytes are refused
     */
    public record Rules(boolean allowHttp, String localRoot, CatalogPlace catalog, long maxBytes)
            implements Serializable {}

    /** An image that the rules do not allow to read. */
    public static final class ForbiddenException extends LastingException {
        private static final long serialVersionUID = 1;

        ForbiddenException(String message) {
            super(message);
        }
    }

    /** An image file of too many bytes. */
    public static final class TooManyBytesException extends LastingException {
        private static final long serialVersionUID = 1;

        TooManyBytesException(String message) {
            super(message);
        }
    }

    public ImageSource(Storage storage, Rules rules) {
        this(storage, rules, rules.allowHttp() ? WebImages.ofPublicAddresses(rules.maxBytes()) : null);
    }

    ImageSource(Storage storage, Rules rules, WebImages web) {
        this.storage = storage;
        this.rules = rules;
        this.web = web;
        this.rows = new ParquetImages(storage, rules.maxBytes());
    }

    /**
     * The bytes of an image file, or of an image that a catalog holds itself.
     *
     * @throws ForbiddenException if the rules do not allow it, or if the URI is none
     * @throws TooManyBytesException if it is too large
     */
    public byte[] read(String uri) throws IOException {
        if (Secrets.inUri(uri)) {
            throw new ForbiddenException(
                    "Cannot read image: its URI holds credentials, which would end up in the manifest; make it readable without");
        }
        if (uri.indexOf('\0') >= 0) {
            throw new ForbiddenException("Cannot read image: its URI holds a NUL character");
        }
        try {
            Matcher matcher = SCHEME.matcher(uri);
            String scheme = matcher.matches() ? matcher.group(1).toLowerCase(Locale.ROOT) : "";
            if (WEB.contains(scheme)) {
                return readWeb(URI.create(uri));
            }
            Optional<RowImage> row = RowImage.named(uri);
            if (row.isPresent()) {
                return readRow(row.get(), scheme);
            }
            Optional<MemberImage> member = MemberImage.named(uri);
            return member.isPresent() ? readMember(member.get(), scheme) : readStored(new Path(uri), scheme);
        } catch (IllegalArgumentException e) {
            throw new ForbiddenException("Cannot read image: invalid URI: " + e.getMessage());
        }
    }

    private byte[] readStored(Path path, String scheme) throws IOException {
        requireAllowed(path, scheme);
        return readFile(path);
    }

    private byte[] readMember(MemberImage image, String scheme) throws IOException {
        Path file = new Path(image.file());
        requireAllowedOrOwn(file, scheme);
        requireSize(image.bytes());
        return Retries.run(() -> {
            try (SeekableByteChannel channel = storage.open(file)) {
                return new FileRanges(channel).read(image.offset(), image.bytes());
            }
        });
    }

    /** What lies in the catalog's own files may always be read. */
    private void requireAllowedOrOwn(Path file, String scheme) throws IOException {
        if (rules.catalog == null || !rules.catalog.has(file)) {
            requireAllowed(file, scheme);
        }
    }

    private byte[] readRow(RowImage image, String scheme) throws IOException {
        requireAllowedOrOwn(new Path(image.file()), scheme);
        ParquetImages.Value value = rows.read(image);
        if (value.bytes() != null) {
            return value.bytes();
        }
        if (RowImage.named(value.path()).isPresent()) {
            throw new ForbiddenException("Cannot read image: its row's path leads to another row: " + value.path());
        }
        return read(rules.catalog == null ? value.path() : rules.catalog.resolve(value.path()));
    }

    private void requireAllowed(Path path, String scheme) throws IOException {
        String own = scheme.isEmpty() ? storage.fileSystem(path).getUri().getScheme() : scheme;
        if (!STORES.contains(own) && (rules.catalog == null || !own.equals(rules.catalog.scheme()))) {
            throw new ForbiddenException("Cannot read image: scheme '%s' is not allowed (expected one of: %s)"
                    .formatted(own, String.join(", ", new TreeSet<>(STORES))));
        }
        if (own.equals("file")) {
            requireBelowRoot(path);
        }
    }

    private byte[] readFile(Path path) throws IOException {
        FileStatus file = storage.status(path).orElseThrow(() -> new FileNotFoundException("there is no such file"));
        if (file.isDirectory()) {
            throw new PathIsDirectoryException(path.toString());
        }
        requireSize(file.getLen());
        return storage.readAll(file, rules.maxBytes);
    }

    /**
     * Holds an image file to the rules.
     *
     * @throws TooManyBytesException if it is too large
     */
    public void requireSize(long bytes) throws TooManyBytesException {
        if (bytes > rules.maxBytes) {
            throw tooManyBytes(rules.maxBytes);
        }
    }

    static TooManyBytesException tooManyBytes(long maxBytes) {
        return new TooManyBytesException(
                "Cannot read image: it has more than %d bytes; shrink it, or raise --max-image-bytes"
                        .formatted(maxBytes));
    }

    private byte[] readWeb(URI uri) throws IOException {
        if (web == null) {
            throw new ForbiddenException("Cannot read image: images on the web are only read with --allow-http");
        }
        return web.read(uri);
    }

    /** Links are followed first: what counts is where the file really lies. */
    private void requireBelowRoot(Path path) throws IOException {
        java.nio.file.Path file = java.nio.file.Path.of(path.toUri().getPath());
        // a pipe or a device would never end
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new ForbiddenException("Cannot read image: it is not a regular file");
        }
        if (rules.localRoot == null) {
            return;
        }
        java.nio.file.Path root = java.nio.file.Path.of(rules.localRoot);
        if (!file.normalize().startsWith(root.normalize())
                || (Files.exists(file) && !file.toRealPath().startsWith(root.toRealPath()))) {
            throw new ForbiddenException(
                    "Cannot read image: it is not below %s; a table's local images are only read below --catalog-root"
                            .formatted(rules.localRoot));
        }
    }
}
