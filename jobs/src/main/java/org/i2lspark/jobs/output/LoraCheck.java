package org.i2lspark.jobs.output;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.i2lspark.safetensors.MalformedSafetensorsException;
import org.i2lspark.safetensors.SafetensorsFile;

/** Whether a LoRA and its receipt, or a preview, are what the manifest says. */
public final class LoraCheck {

    private final Storage storage;
    private final OutputLayout layout;

    public LoraCheck(Storage storage, OutputLayout layout) {
        this.storage = storage;
        this.layout = layout;
    }

    /** What can be wrong. */
    public enum Kind {
        MISSING,
        WRONG_SIZE,
        WRONG_HASH,
        INVALID_HEADER,
        UNREADABLE,
        NO_ROW,
        RECEIPT,
        MANIFEST;

        /** As a report says it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Something that is not as the manifest says.
     *
     * @param path relative to the output
     */
    public record Finding(Kind kind, String path, String detail) implements Serializable {
        /** The finding for a program: names and values. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("kind", kind.id());
            facts.put("path", path);
            facts.put("detail", detail);
            return facts;
        }

        /** Whether it can be removed, so that the next run makes it again. */
        public boolean isDamaged() {
            return switch (kind) {
                case WRONG_SIZE, WRONG_HASH, INVALID_HEADER, RECEIPT -> true;
                case MISSING, UNREADABLE, NO_ROW, MANIFEST -> false;
            };
        }
    }

    /** What is wrong with a LoRA that the manifest names, which is read whole, and with its receipt. */
    public List<Finding> check(String path, long bytes, String sha256) {
        List<Finding> findings = new ArrayList<>();
        Finding lora = checkLora(path, bytes, sha256);
        if (lora != null) {
            if (lora.kind() == Kind.MISSING && isRetired(path)) {
                return List.of();
            }
            findings.add(lora);
        }
        String receipt = receiptProblem(path, sha256);
        if (receipt != null) {
            findings.add(new Finding(Kind.RECEIPT, path, receipt));
        }
        return findings;
    }

    /** What is wrong with the receipt of a LoRA that no row names, or of a style that failed. */
    public List<Finding> checkReceipt(String path) {
        try {
            readReceipt(path);
            return List.of();
        } catch (IOException | IllegalArgumentException e) {
            return List.of(new Finding(Kind.RECEIPT, path, unreadable(e)));
        }
    }

    /** What is wrong with a preview that the manifest names, which is read whole. */
    public List<Finding> checkPreview(String path, long bytes, String sha256) {
        return Optional.ofNullable(checkFile(path, bytes, sha256, file -> null)).stream()
                .toList();
    }

    private Finding checkLora(String path, long bytes, String sha256) {
        return checkFile(path, bytes, sha256, file -> checkHeader(path, file));
    }

    /** A check of a file that has the right bytes. */
    @FunctionalInterface
    private interface MoreChecks {
        Finding of(Path file) throws IOException;
    }

    private Finding checkFile(String path, long bytes, String sha256, MoreChecks more) {
        Path file = new Path(layout.output(), path);
        try {
            Stored stored = storage.hash(file, sha256);
            if (stored.bytes() != bytes) {
                return new Finding(Kind.WRONG_SIZE, path, "%d bytes (expected %d)".formatted(stored.bytes(), bytes));
            }
            if (!stored.sha256().equals(sha256)) {
                return new Finding(
                        Kind.WRONG_HASH, path, "SHA-256 %s (expected %s)".formatted(stored.sha256(), sha256));
            }
            return more.of(file);
        } catch (FileNotFoundException e) {
            return new Finding(Kind.MISSING, path, "there is no such file");
        } catch (IOException e) {
            return new Finding(Kind.UNREADABLE, path, Problems.describe(e));
        }
    }

    /** Whether it was removed on purpose, and not made again since. */
    private boolean isRetired(String path) {
        try {
            return storage.status(layout.retirement(path)).isPresent()
                    && storage.status(layout.receiptOf(path)).isEmpty();
        } catch (IOException e) {
            // that it is missing is said in any case
            return false;
        }
    }

    private Finding checkHeader(String path, Path file) throws IOException {
        try (SafetensorsFile lora = SafetensorsFile.open(file.toString(), storage.open(file))) {
            return lora.tensors().isEmpty() ? new Finding(Kind.INVALID_HEADER, path, "it holds no tensors") : null;
        } catch (MalformedSafetensorsException e) {
            return new Finding(Kind.INVALID_HEADER, path, e.getMessage());
        }
    }

    private String receiptProblem(String path, String sha256) {
        try {
            Optional<Receipt> receipt = readReceipt(path);
            if (receipt.isEmpty()) {
                return "its receipt is missing";
            }
            FinishedLora lora = receipt.get().lora();
            boolean agrees = lora != null && lora.sha256().equals(sha256);
            return agrees ? null : "its receipt is of another LoRA than the manifest's row";
        } catch (IOException | IllegalArgumentException e) {
            return unreadable(e);
        }
    }

    private static String unreadable(Exception problem) {
        return "its receipt cannot be read: " + Problems.describe(problem);
    }

    private Optional<Receipt> readReceipt(String path) throws IOException {
        Optional<FileStatus> file = storage.status(layout.receiptOf(path));
        return file.isEmpty() ? Optional.empty() : Optional.of(Receipt.read(storage, file.get(), path));
    }

    /**
     * Removes what is damaged, a LoRA with its receipt, so that the next run makes it again.
     *
     * @return how many files were removed
     */
    public int remove(Finding finding) throws IOException {
        int removed = 0;
        for (Path file : filesOf(finding)) {
            if (storage.status(file).isPresent()) {
                storage.delete(file);
                removed++;
            }
        }
        return removed;
    }

    private List<Path> filesOf(Finding finding) {
        Path file = new Path(layout.output(), finding.path());
        if (OutputLayout.isPreview(finding.path())) {
            return List.of(file);
        }
        Path receipt = layout.receiptOf(finding.path());
        return finding.kind() == Kind.RECEIPT ? List.of(receipt) : List.of(receipt, file);
    }
}
