package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code i2l query}: SQL over a manifest. */
@Command(
        name = "query",
        mixinStandardHelpOptions = true,
        description = {
            "Runs Spark SQL over the manifest of an output: tables loras, images and runs.",
            "It only reads: other statements, and files named in place of tables, are refused.",
            "Any tool that reads Parquet can open the same files, below OUTPUT/manifest/.",
            ""
        },
        footer = {
            "",
            "Example:",
            "  i2l query out/ \\",
            "    \"SELECT style_id, rank, lora_uri FROM loras WHERE status = 'done'\""
        })
final class QueryCommand implements Callable<Integer> {
    private static final int MAX_CELL_CHARACTERS = 100;
    private static final String STYLES_OF_THE_LATEST_RUN = """
            SELECT brand, style_id, status, image_count AS images, rank, bytes, error_class, error_message
            FROM loras WHERE run_id = (SELECT max(run_id) FROM runs) ORDER BY style_id""";

    @Parameters(index = "0", paramLabel = "OUTPUT", description = "The --output of a run.")
    private String output;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "SQL",
            description = "The query. Default: the styles of the latest run.")
    private String sql = STYLES_OF_THE_LATEST_RUN;

    @Option(names = "--rows", defaultValue = "100", description = "Rows to show at most. Default: ${DEFAULT-VALUE}.")
    private int rows;

    @Mixin
    private SparkOptions sparkOptions;

    private void show(SparkSession spark) throws UnusableException {
        try {
            ReadOnlySql.require(((org.apache.spark.sql.classic.SparkSession) spark)
                    .sessionState()
                    .sqlParser()
                    .parsePlan(sql));
            spark.sql(sql).show(rows, MAX_CELL_CHARACTERS);
        } catch (AnalysisException e) {
            throw new UnusableException("Cannot run the query: " + firstLine(e.getMessage()), e);
        }
    }

    /** A syntax error's message begins with an empty line. */
    private static String firstLine(String message) {
        return message.strip().lines().findFirst().orElse("");
    }

    @Override
    public Integer call() throws IOException {
        Locations.require("OUTPUT", output);
        try (SparkSession spark = sparkOptions.start("i2l query")) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            storage.requireReachable(new Path(output), "output");
            Manifest manifest = new Manifest(spark, storage, storage.qualify(new Path(output)));
            manifest.createViews();
            show(spark);
            return 0;
        }
    }
}
