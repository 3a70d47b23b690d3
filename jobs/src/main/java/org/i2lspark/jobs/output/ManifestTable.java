package org.i2lspark.jobs.output;

import java.util.List;
import java.util.Locale;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.apache.parquet.schema.Type;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The tables of the manifest, below {@code OUTPUT/manifest/}. */
public enum ManifestTable {
    /** A row for each style of each run. */
    LORAS("""
            message loras {
              required binary run_id (STRING);
              required binary style_id (STRING);
              optional binary brand (STRING);
              optional binary fingerprint (STRING);
              required binary status (STRING);
              optional binary error_kind (STRING);
              optional binary error_class (STRING);
              optional binary error_message (STRING);
              optional binary lora_path (STRING);
              optional int64 bytes;
              optional binary sha256 (STRING);
              optional int32 rank;
              optional double reduction_error;
              optional binary base_model (STRING);
              required binary key_format (STRING);
              required binary dtype (STRING);
              required group variants (LIST) { repeated group list { required binary element (STRING); } }
              required int32 image_count;
              required group checkpoints (MAP) { repeated group key_value { required binary key (STRING); required binary value (STRING); } }
              optional group style_embedding (LIST) { repeated group list { required float element; } }
              optional binary embeddings_run (STRING);
              optional group seconds (MAP) { repeated group key_value { required binary key (STRING); required double value; } }
              required int64 created_at (TIMESTAMP(MICROS,true));
            }
            """),
    /** A row for each image of each style of each run. */
    IMAGES("""
            message images {
              required binary run_id (STRING);
              required binary style_id (STRING);
              required int32 position;
              required binary uri (STRING);
              optional binary sha256 (STRING);
              optional int32 width;
              optional int32 height;
              required binary status (STRING);
              optional binary error_class (STRING);
              optional binary error_message (STRING);
              optional group siglip2 (LIST) { repeated group list { required float element; } }
              optional group dinov3 (LIST) { repeated group list { required float element; } }
              optional binary embeddings_run (STRING);
            }
            """),
    /** A row for each picture of each run that makes previews: of a style's LoRA, or, with no style, of the model without one. */
    PREVIEWS("""
            message previews {
              required binary run_id (STRING);
              optional binary style_id (STRING);
              optional binary lora_fingerprint (STRING);
              optional binary lora_path (STRING);
              optional binary lora_sha256 (STRING);
              required binary prompt (STRING);
              required int64 seed;
              required group settings (MAP) { repeated group key_value { required binary key (STRING); required binary value (STRING); } }
              required group checkpoints (MAP) { repeated group key_value { required binary key (STRING); required binary value (STRING); } }
              required binary fingerprint (STRING);
              required binary status (STRING);
              optional binary error_kind (STRING);
              optional binary error_class (STRING);
              optional binary error_message (STRING);
              optional binary preview_path (STRING);
              optional int64 bytes;
              optional binary sha256 (STRING);
              optional double seconds;
              required int64 created_at (TIMESTAMP(MICROS,true));
            }
            """),
    /** A row for each run. */
    RUNS("""
            message runs {
              required binary run_id (STRING);
              required binary commit (STRING);
              required binary status (STRING);
              required int64 started_at (TIMESTAMP(MICROS,true));
              required int64 finished_at (TIMESTAMP(MICROS,true));
              required double seconds;
              optional binary catalog (STRING);
              required group options (MAP) { repeated group key_value { required binary key (STRING); required binary value (STRING); } }
              required group versions (MAP) { repeated group key_value { required binary key (STRING); required binary value (STRING); } }
              required int64 styles_done;
              required int64 styles_skipped;
              required int64 styles_failed;
              optional int64 styles_failed_new;
              optional int64 styles_healed;
              required int64 images;
              required int64 lora_bytes;
              optional int64 previews_done;
              optional int64 previews_skipped;
              optional int64 previews_failed;
            }
            """);

    /** The tables of which a commit has a folder of rows; of a run's row in {@link #RUNS} it depends which. */
    public static final List<ManifestTable> OF_ROWS = List.of(LORAS, IMAGES, PREVIEWS);

    private static final String EARLIER_URI = "lora_uri";

    private final String schema;

    ManifestTable(String schema) {
        this.schema = schema;
    }

    MessageType schema() {
        return MessageTypeParser.parseMessageType(schema);
    }

    /** The columns as Spark reads them, with those of earlier versions. */
    StructType columns() {
        StructType columns = new StructType();
        for (Type field : schema().getFields()) {
            columns = columns.add(field.getName(), type(field));
        }
        return this == LORAS ? columns.add(EARLIER_URI, DataTypes.StringType) : columns;
    }

    private static DataType type(Type field) {
        if (field.isPrimitive()) {
            return switch (field.asPrimitiveType().getPrimitiveTypeName()) {
                case BINARY -> DataTypes.StringType;
                case INT32 -> DataTypes.IntegerType;
                case INT64 -> field.getLogicalTypeAnnotation() == null ? DataTypes.LongType : DataTypes.TimestampType;
                case FLOAT -> DataTypes.FloatType;
                case DOUBLE -> DataTypes.DoubleType;
                default -> throw new IllegalStateException("No such column: " + field);
            };
        }
        GroupType entry = field.asGroupType().getType(0).asGroupType();
        return entry.getFieldCount() == 1
                ? DataTypes.createArrayType(type(entry.getType(0)))
                : DataTypes.createMapType(type(entry.getType(0)), type(entry.getType(1)));
    }

    /** How many rows of this table a run's row speaks of, as columns of {@link #RUNS} that are to be added up. */
    List<String> counts() {
        return switch (this) {
            case LORAS, IMAGES -> List.of("styles_done", "styles_skipped", "styles_failed");
            case PREVIEWS -> List.of("previews_done", "previews_skipped", "previews_failed");
            case RUNS -> List.of();
        };
    }

    /** The table's name. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The file in {@link #RUNS} that makes a commit count. */
    static Path runFile(Path output, String commit) {
        return new Path(RUNS.folder(output), commit + ".parquet");
    }

    /** The folder of a commit's rows in an output. */
    public Path folder(Path output, String commit) {
        return new Path(folder(output), Manifest.COMMIT + "=" + commit);
    }

    /** The table's folder in an output. */
    public Path folder(Path output) {
        return new Path(new Path(output, "manifest"), id());
    }
}
