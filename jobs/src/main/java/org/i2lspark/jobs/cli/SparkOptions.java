package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where and how Spark runs: the options that all commands share that run on it. */
final class SparkOptions {
    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "Where Spark runs. Default: embedded, on all cores of this machine.")
    private String master;

    @Mixin
    private StoreOptions settings;

    SparkSession start(String name) throws IOException {
        return Sessions.start(name, settings.settings(master == null ? Map.of() : Map.of("spark.master", master)));
    }
}
