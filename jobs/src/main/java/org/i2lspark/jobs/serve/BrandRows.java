package org.i2lspark.jobs.serve;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.max_by;
import static org.apache.spark.sql.functions.struct;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.StyleVector;
import org.i2lspark.model.BaseModel;
import scala.Tuple2;

/** What the manifest says of a brand's styles. */
final class BrandRows {
    private final Manifest manifest;
    private final String brand;

    BrandRows(Manifest manifest, String brand) {
        this.manifest = manifest;
        this.brand = brand;
    }

    /** The newest run of the brand that made LoRAs for a base model; nothing where there was none. */
    Optional<String> newestRun(BaseModel model) throws IOException {
        Row newest = manifest.rows(ManifestTable.LORAS)
                .filter(isOfBrand().and(Manifest.BASE_MODEL.equalTo(model.id())))
                .agg(max_by(col("run_id"), col("created_at")))
                .first();
        return Optional.ofNullable(newest.getString(0));
    }

    /**
     * What came of the brand's styles in a run, by their ids: a LoRA, or nothing where the style failed.
     *
     * @param strength of a style, by its id
     */
    Map<String, Optional<LoraVersion>> ofRun(String run, ToDoubleFunction<String> strength) throws IOException {
        return rows(col("run_id").equalTo(run), strength);
    }

    /**
     * The newest LoRA of each style, by its id, that a run has a row for, or that has a fingerprint.
     *
     * @param reference id of a run, or the beginning of a fingerprint
     */
    Map<String, LoraVersion> named(String reference, ToDoubleFunction<String> strength) throws IOException {
        Map<String, LoraVersion> named = new TreeMap<>();
        Column is = col("run_id").equalTo(reference).or(col("fingerprint").startsWith(reference));
        rows(is.and(col("lora_path").isNotNull()), strength)
                .forEach((id, version) -> version.ifPresent(found -> named.put(id, found)));
        return named;
    }

    private Map<String, Optional<LoraVersion>> rows(Column which, ToDoubleFunction<String> strength)
            throws IOException {
        Map<String, Optional<LoraVersion>> found = new TreeMap<>();
        List<Row> rows = manifest.rows(ManifestTable.LORAS)
                .filter(isOfBrand().and(which))
                .groupBy("style_id")
                .agg(max_by(
                                struct("fingerprint", "lora_path", "bytes", "sha256", "rank", "base_model", "run_id"),
                                col("created_at"))
                        .as("lora"))
                .select("style_id", "lora.*")
                .collectAsList();
        for (Row row : rows) {
            String id = row.getAs("style_id");
            found.put(id, version(row, strength.applyAsDouble(id)));
        }
        return found;
    }

    private Column isOfBrand() {
        return col("style_id").startsWith(brand + "/").or(col("brand").equalTo(brand));
    }

    private static Optional<LoraVersion> version(Row row, double strength) {
        if (row.getAs("lora_path") == null) {
            return Optional.empty();
        }
        return Optional.of(new LoraVersion(
                row.getAs("fingerprint"),
                row.getAs("lora_path"),
                row.<Long>getAs("bytes"),
                row.getAs("sha256"),
                row.getAs("rank"),
                row.getAs("base_model"),
                strength,
                row.getAs("run_id"),
                null,
                null));
    }

    /** Centroids of the images of LoRAs, by their styles' ids; those that have no embeddings are left out. */
    Map<String, StyleVector> centroids(Map<String, LoraVersion> versions) throws IOException {
        if (versions.isEmpty()) {
            return Map.of();
        }
        Map<Tuple2<String, String>, StyleVector> all = new LinkedHashMap<>(manifest.rows(ManifestTable.IMAGES)
                .filter(col("run_id").isin(runs(versions.values())))
                .filter(col("siglip2").isNotNull().and(col("dinov3").isNotNull()))
                .select("style_id", "run_id", "siglip2", "dinov3")
                .toJavaRDD()
                .mapToPair(row -> new Tuple2<>(
                        new Tuple2<>(row.getString(0), row.getString(1)),
                        StyleVector.of(floats(row.getList(2)), floats(row.getList(3)))))
                .groupByKey()
                .mapValues(BrandRows::centroid)
                .collectAsMap());
        Map<String, StyleVector> centroids = new TreeMap<>();
        versions.forEach((id, version) -> {
            StyleVector centroid = all.get(new Tuple2<>(id, version.run()));
            if (centroid != null) {
                centroids.put(id, centroid);
            }
        });
        return centroids;
    }

    /** Where the first images of LoRAs lie, and their SHA-256, by their styles' ids. */
    Map<String, FirstImage> firstImages(Map<String, LoraVersion> versions) throws IOException {
        Map<String, FirstImage> images = new TreeMap<>();
        List<Row> rows = manifest.rows(ManifestTable.IMAGES)
                .filter(col("run_id").isin(runs(versions.values())))
                .filter(col("position").equalTo(0).and(col("sha256").isNotNull()))
                .select("style_id", "run_id", "uri", "sha256")
                .collectAsList();
        for (Row row : rows) {
            LoraVersion version = versions.get(row.getString(0));
            if (version != null && version.run().equals(row.getString(1))) {
                images.put(row.getString(0), new FirstImage(row.getString(2), row.getString(3)));
            }
        }
        return images;
    }

    record FirstImage(String uri, String sha256) {}

    /** Generated previews of LoRAs, relative to the output, by the LoRAs' fingerprints. */
    Map<String, String> previews(Collection<LoraVersion> versions) throws IOException {
        Map<String, String> previews = new TreeMap<>();
        Object[] fingerprints =
                versions.stream().map(LoraVersion::fingerprint).distinct().toArray();
        List<Row> rows = manifest.rows(ManifestTable.PREVIEWS)
                .filter(col("lora_fingerprint")
                        .isin(fingerprints)
                        .and(col("preview_path").isNotNull()))
                .groupBy("lora_fingerprint")
                .agg(max_by(col("preview_path"), col("created_at")).as("preview"))
                .collectAsList();
        rows.forEach(row -> previews.put(row.getString(0), row.getString(1)));
        return previews;
    }

    private static Object[] runs(Collection<LoraVersion> versions) {
        TreeSet<String> runs = new TreeSet<>();
        versions.forEach(version -> runs.add(version.run()));
        return runs.toArray();
    }

    private static StyleVector centroid(Iterable<StyleVector> vectors) {
        List<StyleVector> all = new ArrayList<>();
        vectors.forEach(all::add);
        return StyleVector.centroid(all);
    }

    private static float[] floats(List<Float> values) {
        float[] floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values.get(i);
        }
        return floats;
    }
}
