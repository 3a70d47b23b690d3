package org.i2lspark.jobs.output;

import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.PngFile;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Retries.LastingException;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The previews that an output holds. One is what it says of itself: its PNG is whole by its checksums, and names the fingerprint
 * of all that it follows from. So it needs no receipt: one of a run that was killed is taken up, one that is damaged is made
 * again.
 */
public final class PreviewOutput {
    /** The keyword of the fingerprint among a preview's texts. */
    public static final String FINGERPRINT = "i2l.fingerprint";

    private static final Logger LOG = LoggerFactory.getLogger(PreviewOutput.class);
    private static final long MAX_BYTES = 256 << 20;

    private final Storage storage;
    private final OutputLayout layout;
    private final Path scratch;

    public PreviewOutput(Storage storage, OutputLayout layout, String runId) {
        this.storage = storage;
        this.layout = layout;
        this.scratch = layout.run(runId);
    }

    /**
     * A preview that is there for good.
     *
     * @param path relative to the output
     * @param sha256 in hex
     */
    public record StoredPreview(String path, long bytes, String sha256) {}

    /**
     * What is there of a picture.
     *
     * @param styleId null for a picture of no style
     * @param fingerprint of all that it follows from
     */
    public Optional<StoredPreview> settled(String styleId, String prompt, String fingerprint) {
        String relative = layout.relativePreview(styleId, prompt, fingerprint);
        try {
            Optional<FileStatus> file = storage.status(new Path(layout.output(), relative));
            if (file.isEmpty()) {
                return Optional.empty();
            }
            byte[] png = storage.readAll(file.get(), MAX_BYTES);
            return isOf(fingerprint, png)
                    ? Optional.of(new StoredPreview(relative, png.length, Hashes.sha256(png)))
                    : Optional.empty();
        } catch (IOException e) {
            // making it again is always right
            LOG.warn("Cannot read {}; it is made again", relative, e);
            return Optional.empty();
        }
    }

    /** Whether a file is a preview, whole and made by this software. */
    static boolean isOurs(Storage storage, Path file) throws IOException {
        try {
            return PngFile.texts(storage.readAll(file, MAX_BYTES)).containsKey(FINGERPRINT);
        } catch (ImageException | LastingException e) {
            LOG.info("{} is none of ours", file, e);
            return false;
        }
    }

    private static boolean isOf(String fingerprint, byte[] png) {
        try {
            return fingerprint.equals(PngFile.texts(png).get(FINGERPRINT));
        } catch (ImageException e) {
            LOG.warn("A preview is damaged and is made again", e);
            return false;
        }
    }

    /** Publishes a picture that {@link #settled} did not know; what another run has made of it since is left. */
    public StoredPreview publish(String styleId, String prompt, String fingerprint, byte[] png) throws IOException {
        String relative = layout.relativePreview(styleId, prompt, fingerprint);
        Path path = new Path(layout.output(), relative);
        Stored stored = storage.createOnce(path, scratch, out -> out.write(png));
        if (!stored.created()) {
            Optional<StoredPreview> other = settled(styleId, prompt, fingerprint);
            if (other.isPresent()) {
                return other.get();
            }
            stored = storage.replace(path, scratch, out -> out.write(png));
        }
        return new StoredPreview(relative, stored.bytes(), stored.sha256());
    }
}
