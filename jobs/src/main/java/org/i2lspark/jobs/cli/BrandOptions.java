package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.serve.BrandDrift;
import org.i2lspark.jobs.serve.Serving;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The brand of an output, or one of its styles, of which it is changed what is in force. */
final class BrandOptions {
    @Parameters(paramLabel = "BRAND[/STYLE]", description = "A brand, or one style of it.")
    private String target;

    @Mixin
    private OutputOptions output;

    @Option(
            names = "--by",
            required = true,
            paramLabel = "NAME",
            description = "Who decides; the brand's aliases say so.")
    private String by;

    void check() throws UnusableException {
        output.check();
        if (brand().isBlank() || target.endsWith("/")) {
            throw new UnusableException("Invalid brand: '%s' (expected BRAND or BRAND/STYLE)".formatted(target));
        }
        if (by.isBlank()) {
            throw new UnusableException("Invalid --by: '%s' (expected a name)".formatted(by));
        }
    }

    String by() {
        return by;
    }

    private String brand() {
        int slash = target.indexOf('/');
        return slash < 0 ? target : target.substring(0, slash);
    }

    /** The style's id; empty for the whole brand. */
    Optional<String> style() {
        return target.equals(brand()) ? Optional.empty() : Optional.of(target);
    }

    Serving serving(SparkSession spark) throws IOException {
        Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
        return new Serving(spark, storage, output.layout(storage), brand());
    }

    /** Tells what became of the brand. */
    static void tell(Serving.Served served, ReportOptions report) {
        report.document(served.facts());
        served.drift().ifPresent(drift -> tell(drift, served.blocked(), report));
        report.say("%d LoRAs were published".formatted(served.published().size()));
        int stale = served.stale().size();
        if (stale > 0) {
            report.say("%d styles keep an earlier LoRA, for they failed or their brand moved too far".formatted(stale));
        }
        int waiting = served.candidates().size();
        if (waiting > 0) {
            report.say("%d styles have a LoRA that waits for approval".formatted(waiting));
        }
    }

    private static void tell(BrandDrift drift, boolean blocked, ReportOptions report) {
        drift.distance()
                .ifPresent(distance -> report.say(String.format(
                        Locale.ROOT, "Drift: %.4f%s", distance, blocked ? ", too far to be published by itself" : "")));
        drift.mostMoved().forEach((style, move) -> report.say(String.format(Locale.ROOT, "  %s: %.4f", style, move)));
    }
}
