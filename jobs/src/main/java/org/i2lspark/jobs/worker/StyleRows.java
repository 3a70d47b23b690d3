package org.i2lspark.jobs.worker;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.FinishedLora;
import org.i2lspark.jobs.output.ImageFacts;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.output.Rows;
import org.i2lspark.jobs.output.Rows.Row;
import org.i2lspark.jobs.output.Status;
import org.i2lspark.jobs.storage.Secrets;

/** The manifest rows of one task: one for each style, one for each of its images. */
final class StyleRows {
    private final Assignment assignment;
    private final String runId;
    private final Rows loras = new Rows(ManifestTable.LORAS);
    private final Rows images = new Rows(ManifestTable.IMAGES);

    StyleRows(Assignment assignment) {
        this.assignment = assignment;
        this.runId = assignment.run().id();
    }

    Rows loras() {
        return loras;
    }

    Rows images() {
        return images;
    }

    void addDone(Style style, FinishedLora lora, List<ImageFacts> facts, Map<String, Double> seconds) {
        String embeddingsRun = style.stored() == null ? null : style.stored().run();
        loras.add(row -> {
            fillLora(row, style, Status.DONE, lora);
            row.floats("style_embedding", embeddingsRun == null ? mean(facts) : null)
                    .text("embeddings_run", embeddingsRun)
                    .decimalMap("seconds", seconds);
        });
        addImages(style, facts, Status.DONE, embeddingsRun);
    }

    /** The LoRA was there before. Its embeddings are written once, and referred to from then on. */
    void addSkipped(Style style, Receipt receipt) {
        boolean here = receipt.recordedBy().equals(runId);
        String embeddingsRun = here ? null : receipt.recordedBy();
        loras.add(row -> {
            fillLora(row, style, Status.SKIPPED, receipt.lora());
            row.floats("style_embedding", here ? mean(receipt.images()) : null).text("embeddings_run", embeddingsRun);
        });
        addImages(style, receipt.images(), Status.SKIPPED, embeddingsRun);
    }

    private void fillLora(Row row, Style style, Status status, FinishedLora lora) {
        fillStyle(row, style, status);
        row.text("fingerprint", lora.fingerprint())
                .text("lora_path", lora.path())
                .number("bytes", lora.bytes())
                .text("sha256", lora.sha256())
                .integer("rank", lora.rank())
                .decimal("reduction_error", lora.reductionError());
    }

    /**
     * A style that failed.
     *
     * @param facts of its images; empty when they were not read
     */
    void addFailed(Style style, Failure failure, List<ImageFacts> facts) {
        loras.add(row -> {
            fillStyle(row, style, Status.FAILED);
            row.text("error_kind", failure.errorClass().kind().id())
                    .text("error_class", failure.errorClass().id())
                    .text("error_message", failure.message());
        });
        List<ImageFacts> all = new ArrayList<>(facts);
        while (all.size() < style.images().size()) {
            all.add(new ImageFacts(null, 0, 0, null, null, null));
        }
        addImages(style, all, Status.SKIPPED, null);
    }

    private void fillStyle(Row row, Style style, Status status) {
        row.text("run_id", runId)
                .text("style_id", style.id())
                .text("brand", style.brand())
                .text("status", status.id())
                .text("base_model", assignment.order().stack().baseModel().id())
                .text("key_format", GenerateOptions.lower(assignment.form().keyFormat()))
                .text("dtype", GenerateOptions.lower(assignment.form().type()))
                .texts(
                        "variants",
                        List.of(assignment.order().stack().variantText().split(",")))
                .integer("image_count", style.images().size())
                .textMap("checkpoints", assignment.order().allCheckpoints())
                .time("created_at", Instant.now());
    }

    /**
     * The rows of a style's images.
     *
     * @param embeddingsRun the run whose rows carry their embeddings; null when these do, or nothing was embedded
     */
    private void addImages(Style style, List<ImageFacts> facts, Status status, String embeddingsRun) {
        for (int i = 0; i < facts.size(); i++) {
            int position = i;
            ImageFacts image = facts.get(i);
            Failure failure = image.failure();
            boolean decoded = image.width() > 0;
            images.add(row -> row.text("run_id", runId)
                    .text("style_id", style.id())
                    .integer("position", position)
                    .text("uri", Secrets.redact(style.images().get(position)))
                    .text("sha256", image.sha256())
                    .integer("width", decoded ? image.width() : null)
                    .integer("height", decoded ? image.height() : null)
                    .text("status", (failure == null ? status : Status.FAILED).id())
                    .text(
                            "error_class",
                            failure == null ? null : failure.errorClass().id())
                    .text("error_message", failure == null ? null : failure.message())
                    .floats("siglip2", embeddingsRun == null ? image.siglip2() : null)
                    .floats("dinov3", embeddingsRun == null ? image.dinov3() : null)
                    .text("embeddings_run", embeddingsRun));
        }
    }

    /** The mean over a style's images of both embeddings, one after the other. */
    private static float[] mean(List<ImageFacts> facts) {
        return MeanEmbedding.of(facts.stream()
                .map(image -> new ImageEmbedding(image.siglip2(), image.dinov3(), List.of()).style())
                .toList());
    }
}
