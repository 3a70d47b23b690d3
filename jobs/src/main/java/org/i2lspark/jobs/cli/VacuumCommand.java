package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.maintenance.VacuumJob;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code i2l vacuum}: removes what nothing refers to. */
@Command(
        name = "vacuum",
        mixinStandardHelpOptions = true,
        description = {
            "Removes from an output what nothing refers to: LoRAs and previews that no manifest row names, what killed runs left behind, "
                    + "manifest files that compaction has replaced, and uploads to S3 that were never ended.",
            ""
        },
        footer = {"", "Example:", "  i2l vacuum --output s3a://loras/all --older-than 3d --dry-run"})
final class VacuumCommand implements Callable<Integer> {
    private static final int MAX_LISTED = 20;

    @Mixin
    private OutputOptions output;

    @Option(
            names = "--older-than",
            defaultValue = "3d",
            converter = AgeConverter.class,
            paramLabel = "AGE",
            description =
                    "Leave what is younger, for a run may be making it or a query reading it: 3d, 12h, 30m. Default: ${DEFAULT-VALUE}.")
    private Duration olderThan;

    @Option(names = "--dry-run", description = "Show what would be removed; remove nothing.")
    private boolean dryRun;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    /** Reads ages such as {@code 3d}. */
    static final class AgeConverter implements ITypeConverter<Duration> {
        private static final Pattern AGE = Pattern.compile("(\\d{1,6})([dhms])");

        @Override
        public Duration convert(String text) {
            Matcher matcher = AGE.matcher(text);
            if (!matcher.matches()) {
                throw new TypeConversionException("'%s' is no age (expected such as 3d, 12h, 30m)".formatted(text));
            }
            long count = Long.parseLong(matcher.group(1));
            return switch (matcher.group(2)) {
                case "d" -> Duration.ofDays(count);
                case "h" -> Duration.ofHours(count);
                case "m" -> Duration.ofMinutes(count);
                default -> Duration.ofSeconds(count);
            };
        }
    }

    @Override
    public Integer call() throws IOException {
        output.check();
        try (SparkSession spark = sparkOptions.start("i2l vacuum", report)) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            VacuumJob.Report found = new VacuumJob(spark, storage, output.layout(storage)).execute(olderThan, dryRun);
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("dry_run", dryRun);
            facts.putAll(found.facts());
            report.document(facts);
            String verb = dryRun ? "would be removed" : "removed";
            String loras =
                    String.format(Locale.ROOT, "LoRAs that no row names (%.1f MB) %s", found.loraBytes() / 1e6, verb);
            String previews = String.format(
                    Locale.ROOT, "previews that no row names (%.1f MB) %s", found.previewBytes() / 1e6, verb);
            show(found.loraCount(), loras, found.loras());
            show(found.previewCount(), previews, found.previews());
            show("folders of killed runs " + verb, found.runs());
            show("manifest files that do not count " + verb, found.manifestFiles());
            show("uploads that were never ended " + verb, found.uploads());
            return 0;
        }
    }

    private void show(String what, List<String> names) {
        show(names.size(), what, names);
    }

    private void show(long count, String what, List<String> names) {
        report.say("%d %s".formatted(count, what));
        List<String> shown = names.stream().limit(MAX_LISTED).toList();
        shown.forEach(name -> report.say("  " + name));
        if (count > shown.size()) {
            report.say("  … and %d more".formatted(count - shown.size()));
        }
    }
}
