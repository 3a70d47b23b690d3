package org.i2lspark.jobs.output;

import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.storage.Content;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.i2lspark.safetensors.MalformedSafetensorsException;
import org.i2lspark.safetensors.SafetensorsFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an output holds of a style: the one place that decides whether a LoRA that is there is taken up or replaced, and whose
 * it is.
 *
 * <p>A LoRA is what its receipt says, by name, size and SHA-256. So that an unchanged LoRA need not be read again, the receipt
 * also keeps a stamp by which the store knows these very bytes: an object's tag, else the file's time. Under another stamp
 * (the output was copied, or somebody wrote into the file) the bytes are hashed.
 */
public final class Output {
    private static final Logger LOG = LoggerFactory.getLogger(Output.class);

    private final Storage storage;
    private final OutputLayout layout;
    private final String runId;
    private final Set<String> committedRuns;
    private final Path scratch;
    private final Runs runs;

    /**
     * An output for one run.
     *
     * @param committedRuns those that had rows in the manifest when the run began
     */
    public Output(Storage storage, OutputLayout layout, String runId, Set<String> committedRuns) {
        this.storage = storage;
        this.layout = layout;
        this.runId = runId;
        this.committedRuns = committedRuns;
        this.scratch = layout.run(runId);
        this.runs = new Runs(storage, layout.runs());
    }

    /** What came of a style before: its LoRA, if that is still what the receipt says, or its failure. */
    public Optional<Receipt> settled(String styleId, String fingerprint) {
        try {
            Optional<Receipt> receipt = receipt(styleId, fingerprint);
            if (receipt.isEmpty() || receipt.get().lora() == null) {
                return receipt;
            }
            Optional<Receipt> holding = holding(styleId, fingerprint, receipt.get());
            if (holding.isEmpty()) {
                // else it would vouch for what is made now, and in the name of an earlier run
                storage.delete(layout.receipt(styleId, fingerprint));
            }
            return holding.map(held -> recorded(styleId, fingerprint, held));
        } catch (IOException e) {
            // making it again is always right
            LOG.warn("Cannot tell what was made of {} before; it is made again", styleId, e);
            return Optional.empty();
        }
    }

    /** A style's receipt; nothing when there is none, or a damaged one. */
    private Optional<Receipt> receipt(String styleId, String fingerprint) throws IOException {
        Optional<FileStatus> file = storage.status(layout.receipt(styleId, fingerprint));
        if (file.isEmpty()) {
            return Optional.empty();
        }
        try {
            Receipt receipt = Receipt.read(storage, file.get(), layout.relativeLora(styleId, fingerprint));
            boolean own = receipt.lora() == null || receipt.lora().fingerprint().equals(fingerprint);
            return own ? Optional.of(receipt) : Optional.empty();
        } catch (IOException | IllegalArgumentException e) {
            LOG.warn("The receipt of {} cannot be read and does not count", styleId, e);
            return Optional.empty();
        }
    }

    private Optional<Receipt> holding(String styleId, String fingerprint, Receipt receipt) throws IOException {
        Path path = layout.lora(styleId, fingerprint);
        Optional<FileStatus> status = storage.status(path);
        if (status.isEmpty() || status.get().getLen() != receipt.lora().bytes()) {
            return Optional.empty();
        }
        String stamp = stamp(status.get());
        if (stamp.equals(receipt.stamp())) {
            return Optional.of(receipt);
        }
        String expected = receipt.lora().sha256();
        if (!storage.hash(path, expected).sha256().equals(expected)) {
            return Optional.empty();
        }
        return Optional.of(renewed(styleId, fingerprint, receipt.withStamp(stamp)));
    }

    /** Embeddings are in the rows of one run that committed. Where there is none, this run's rows take them. */
    private Receipt recorded(String styleId, String fingerprint, Receipt receipt) {
        boolean known = receipt.recordedBy().equals(runId) || committedRuns.contains(receipt.recordedBy());
        return known ? receipt : renewed(styleId, fingerprint, receipt.recordedBy(runId));
    }

    private Receipt renewed(String styleId, String fingerprint, Receipt receipt) {
        try {
            storage.replace(layout.receipt(styleId, fingerprint), scratch, receipt.toJson());
        } catch (IOException e) {
            // it is only renewed again next time
            LOG.warn("Cannot renew the receipt of {}", styleId, e);
        }
        return receipt;
    }

    private static String stamp(FileStatus status) {
        String tag = status instanceof EtagSource source ? source.getEtag() : null;
        return tag != null ? "etag " + tag : "modified " + status.getModificationTime();
    }

    /**
     * A LoRA that is there for good.
     *
     * @param path relative to the output
     * @param sha256 in hex
     * @param stamp by which the store knows these bytes
     */
    public record StoredLora(String path, long bytes, String sha256, String stamp) {}

    /**
     * What counts after a LoRA was published.
     *
     * @param receipt of the run that made the LoRA which is there; another's when that came first
     * @param kept whether the receipt was written; if not, the LoRA counts but a restart does not know it
     */
    public record Published(Receipt receipt, boolean kept) {}

    /**
     * Publishes a LoRA that {@link #settled} did not know. Of several who publish the same, one does, and the others are given
     * its receipt. A file that is there under the LoRA's name is taken up only if a receipt vouches for its bytes, or while a
     * run that may be making it lives; else it is replaced.
     */
    public Published publish(
            String styleId, String fingerprint, Content content, Function<StoredLora, Receipt> toReceipt)
            throws IOException {
        Path path = layout.lora(styleId, fingerprint);
        Stored stored = storage.createOnce(path, scratch, content);
        if (!stored.created()) {
            Optional<Receipt> first = vouchingFor(styleId, fingerprint, stored);
            if (first.isPresent()) {
                return new Published(first.get(), true);
            }
            if (!isBeingMade(path)) {
                LOG.warn("{} was not what any receipt says and is replaced", path);
                stored = storage.replace(path, scratch, content);
            }
        }
        String stamp = storage.status(path).map(Output::stamp).orElse(null);
        StoredLora lora =
                new StoredLora(layout.relativeLora(styleId, fingerprint), stored.bytes(), stored.sha256(), stamp);
        return keep(styleId, fingerprint, stored, toReceipt.apply(lora));
    }

    private Optional<Receipt> vouchingFor(String styleId, String fingerprint, Stored stored) throws IOException {
        return receipt(styleId, fingerprint)
                .filter(receipt -> receipt.lora() != null
                        && receipt.lora().sha256().equals(stored.sha256())
                        && receipt.lora().bytes() == stored.bytes());
    }

    /** Between a LoRA and its receipt lies a moment in which another run has only the one. */
    private boolean isBeingMade(Path path) throws IOException {
        Optional<Long> oldestLiving = runs.oldestLiving();
        Optional<FileStatus> status = storage.status(path);
        return oldestLiving.isPresent()
                && status.isPresent()
                && status.get().getModificationTime() >= oldestLiving.get()
                && isWhole(path);
    }

    private boolean isWhole(Path path) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path.toString(), storage.open(path))) {
            return !file.tensors().isEmpty();
        } catch (MalformedSafetensorsException e) {
            return false;
        }
    }

    private Published keep(String styleId, String fingerprint, Stored stored, Receipt receipt) {
        Path path = layout.receipt(styleId, fingerprint);
        try {
            byte[] json = receipt.toJson();
            if (!storage.createOnce(path, scratch, out -> out.write(json)).created()) {
                Optional<Receipt> first = vouchingFor(styleId, fingerprint, stored);
                if (first.isPresent()) {
                    return new Published(first.get(), true);
                }
                // of a failure, of a LoRA that is no more, or damaged
                storage.replace(path, scratch, json);
            }
            return new Published(receipt, true);
        } catch (IOException e) {
            LOG.warn("Cannot keep the receipt of {}", styleId, e);
            return new Published(receipt, false);
        }
    }

    /**
     * Remembers a failure.
     *
     * @return whether that was possible
     */
    public boolean remember(String styleId, String fingerprint, Receipt failure) {
        try {
            storage.replace(layout.receipt(styleId, fingerprint), scratch, failure.toJson());
            return true;
        } catch (IOException e) {
            LOG.warn("Cannot remember the failure of {}", styleId, e);
            return false;
        }
    }
}
