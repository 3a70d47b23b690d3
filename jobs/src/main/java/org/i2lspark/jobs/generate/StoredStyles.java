package org.i2lspark.jobs.generate;

import static org.apache.spark.sql.functions.array_sort;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max_by;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.when;

import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.catalog.StoredEmbeddings;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.output.Failure.Kind;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.Status;
import org.i2lspark.jobs.worker.EmbeddingOrigin;
import org.i2lspark.model.I2lModel;
import org.i2lspark.torch.ElementType;

/**
 * The styles of an output with the embeddings that its manifest holds: those whose images could be used when they were last in
 * a run.
 *
 * @param origin what made all the embeddings
 */
record StoredStyles(JavaRDD<Style> styles, EmbeddingOrigin origin) {
    private static final Column EMBEDDINGS_RUN = coalesce(col("embeddings_run"), col("run_id"));

    /**
     * Reads the manifest.
     *
     * @param output that it is of
     * @param inPlace whether LoRAs are to be written to the same output
     * @throws UnusableException if nothing is committed there, or the embeddings were not all made in the same way
     */
    static StoredStyles of(Manifest manifest, Path output, boolean inPlace) throws IOException {
        Dataset<Row> usable = usable(manifest.rows(ManifestTable.LORAS));
        EmbeddingOrigin origin = origin(usable, manifest.rows(ManifestTable.RUNS), output);
        Dataset<Row> images = manifest.rows(ManifestTable.IMAGES)
                .select(
                        col("run_id"),
                        col("style_id"),
                        struct(
                                        col("position"),
                                        col("uri"),
                                        col("sha256"),
                                        col("width"),
                                        col("height"),
                                        col("siglip2"),
                                        col("dinov3"))
                                .as("image"));
        Read read = new Read(inPlace);
        JavaRDD<Style> styles = usable.select("run_id", "style_id", "brand", "image_count", "embeddings_run")
                .join(
                        images,
                        usable.col("run_id")
                                .equalTo(images.col("run_id"))
                                .and(usable.col("style_id").equalTo(images.col("style_id"))))
                .groupBy(usable.col("style_id"), col("brand"), col("image_count"), col("embeddings_run"))
                .agg(array_sort(collect_list("image")).as("images"))
                .toJavaRDD()
                .filter(StoredStyles::isWhole)
                .map(read::style);
        return new StoredStyles(styles, origin);
    }

    /** For each style the newest row that says something of its images, if that is good. */
    private static Dataset<Row> usable(Dataset<Row> loras) {
        Column failed = col("status").equalTo(Status.FAILED.id());
        return loras.filter(
                        failed.and(col("error_kind").notEqual(Kind.IMAGE.id())).equalTo(false))
                .groupBy("style_id")
                .agg(max_by(
                                struct(
                                        col("run_id"),
                                        col("brand"),
                                        col("status"),
                                        col("image_count"),
                                        col("checkpoints"),
                                        EMBEDDINGS_RUN.as("embeddings_run")),
                                col("created_at"))
                        .as("newest"))
                .select("style_id", "newest.*")
                .filter(failed.equalTo(false));
    }

    private static EmbeddingOrigin origin(Dataset<Row> usable, Dataset<Row> runs, Path output)
            throws UnusableException {
        List<String> titles = List.copyOf(new TreeSet<>(I2lModel.encoderTitles()));
        Column precision = when(
                        col("options").getItem("precision").notEqual("auto"),
                        col("options").getItem("precision"))
                .when(col("versions").getItem("device").equalTo("gpu"), lit("bfloat16"))
                .otherwise("float32");
        List<Column> made = new ArrayList<>(List.of(precision.as("precision")));
        titles.forEach(title -> made.add(col("checkpoints").getItem(title).as(title)));
        List<Row> found = usable.join(
                        runs.select(col("run_id").as("embeddings_run"), col("options"), col("versions")),
                        "embeddings_run")
                .select(made.toArray(new Column[0]))
                .distinct()
                .limit(2)
                .collectAsList();
        if (found.isEmpty()) {
            throw new UnusableException(
                    "Cannot decode from %s: no style of its manifest has embeddings".formatted(output));
        }
        if (found.size() > 1) {
            throw new UnusableException(
                    "Cannot decode from %s: its embeddings are of different encoders or precisions (%s and %s); run 'i2l generate' there with one model folder and --precision, and decode then"
                            .formatted(output, found.get(0), found.get(1)));
        }
        Map<String, String> encoders = new TreeMap<>();
        titles.forEach(title -> encoders.put(title, found.get(0).getAs(title)));
        return new EmbeddingOrigin(
                encoders,
                found.get(0).<String>getAs("precision").equals("bfloat16")
                        ? ElementType.BFLOAT16
                        : ElementType.FLOAT32);
    }

    private static boolean isWhole(Row style) {
        List<Row> images = style.getList(style.fieldIndex("images"));
        return images.size() == style.<Integer>getAs("image_count")
                && images.stream().noneMatch(image -> image.anyNull());
    }

    /** Makes styles of rows. */
    private record Read(boolean inPlace) implements Serializable {
        Style style(Row row) {
            List<String> uris = new ArrayList<>();
            List<StoredEmbeddings.OfImage> images = new ArrayList<>();
            for (Row image : row.<Row>getList(row.fieldIndex("images"))) {
                uris.add(image.getAs("uri"));
                images.add(new StoredEmbeddings.OfImage(
                        image.getAs("sha256"),
                        image.getAs("width"),
                        image.getAs("height"),
                        floats(image, "siglip2"),
                        floats(image, "dinov3")));
            }
            String run = inPlace ? row.getAs("embeddings_run") : null;
            return Style.ofStored(row.getAs("style_id"), row.getAs("brand"), uris, new StoredEmbeddings(run, images));
        }

        private static float[] floats(Row image, String column) {
            List<Float> values = image.getList(image.fieldIndex(column));
            float[] floats = new float[values.size()];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = values.get(i);
            }
            return floats;
        }
    }
}
