package org.i2lspark.jobs.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.Bounds;
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
            "Runs Spark SQL over the manifest of an output: tables loras, images, previews and runs.",
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
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .build();
    private static final String STYLES_OF_THE_LATEST_RUN = """
            SELECT brand, style_id, status, image_count AS images, rank, bytes, error_class, error_message
            FROM loras WHERE run_id = (SELECT max(run_id) FROM loras) ORDER BY style_id""";

    @Parameters(index = "0", paramLabel = "OUTPUT", description = "The --output of a run.")
    private String output;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "SQL",
            description = "The query. Default: the styles of the latest run.")
    private String sql = STYLES_OF_THE_LATEST_RUN;

    @Bounds(min = 0)
    @Option(names = "--rows", defaultValue = "100", description = "Rows to show at most. Default: ${DEFAULT-VALUE}.")
    private int rows;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    private void run(SparkSession spark) throws UnusableException {
        try {
            ReadOnlySql.require(((org.apache.spark.sql.classic.SparkSession) spark)
                    .sessionState()
                    .sqlParser()
                    .parsePlan(sql));
            Dataset<Row> result = spark.sql(sql);
            report.tell(() -> facts(result), () -> result.show(rows, MAX_CELL_CHARACTERS));
        } catch (AnalysisException e) {
            throw new UnusableException("Cannot run the query: " + firstLine(e.getMessage()), e);
        }
    }

    /** The rows, each as names and values, and whether these are all. */
    private Map<String, Object> facts(Dataset<Row> result) {
        result.sparkSession().conf().set("spark.sql.jsonGenerator.ignoreNullFields", false);
        List<String> found = result.limit(Math.max(rows, rows + 1)).toJSON().collectAsList();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("complete", found.size() <= rows);
        facts.put("rows", found.stream().limit(rows).map(QueryCommand::parsed).toList());
        return facts;
    }

    private static JsonNode parsed(String row) {
        try {
            return JSON.readTree(row);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A syntax error's message begins with an empty line. */
    private static String firstLine(String message) {
        return message.strip().lines().findFirst().orElse("");
    }

    @Override
    public Integer call() throws IOException {
        Locations.require("OUTPUT", output);
        try (SparkSession spark = sparkOptions.start("i2l query", report)) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            storage.requireReachable(new Path(output), "output");
            Manifest manifest = new Manifest(spark, storage, storage.qualify(new Path(output)));
            manifest.createViews();
            run(spark);
            return 0;
        }
    }
}
