package org.i2lspark.jobs.output;

import java.util.Locale;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.apache.spark.sql.types.StructField;
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
    /** A row for each run. */
    RUNS("""
            message runs {
              required binary run_id (STRING);
              required binary commit (STRING);
              required binary status (STRING);
              required int64 started_at (TIMESTAMP(MICROS,true));
              required int64 finished_at (TIMESTAMP(MICROS,true));
              required double seconds;
              required binary catalog (STRING);
              required group options (MAP) { repeated group key_value { required binary key (STRING); required binary value (STRING); } }
              required group versions (MAP) { repeated group key_value { required binary key (STRING); required binary value (STRING); } }
              required int64 styles_done;
              required int64 styles_skipped;
              required int64 styles_failed;
              optional int64 styles_failed_new;
              optional int64 styles_healed;
              required int64 images;
              required int64 lora_bytes;
            }
            """);

    private final String schema;

    ManifestTable(String schema) {
        this.schema = schema;
    }

    MessageType schema() {
        return MessageTypeParser.parseMessageType(schema);
    }

    /** Columns that are not in the files of all versions. */
    StructField[] laterColumns() {
        String columns = switch (this) {
            case LORAS -> "lora_path STRING, lora_uri STRING, embeddings_run STRING, base_model STRING";
            case IMAGES -> "embeddings_run STRING";
            case RUNS -> "styles_failed_new BIGINT, styles_healed BIGINT";
        };
        return StructType.fromDDL(columns).fields();
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
