package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Where and how Spark runs: the options that all commands share that run on it. */
public final class SparkOptions {
    /** Said to who waits for Spark. */
    static final String STARTING = "Starting Spark …";

    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "Where Spark runs. Default: embedded, on all cores of this machine.")
    private String master;

    @Mixin
    private StoreOptions settings;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    /** Starts Spark for a command, saying so. */
    public SparkSession start(String name) throws IOException {
        return start(name, new ReportOptions(command));
    }

    SparkSession start(String name, ReportOptions report) throws IOException {
        Map<String, String> all = settings();
        report.note(STARTING);
        return Sessions.start(name, all);
    }

    Map<String, String> settings() throws IOException {
        return settings.settings(master == null ? Map.of() : Map.of("spark.master", master));
    }
}
