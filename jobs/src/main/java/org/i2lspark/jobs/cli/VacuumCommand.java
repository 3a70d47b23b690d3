package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.maintenance.VacuumJob;
import org.i2lspark.jobs.maintenance.VacuumJob.Retention;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.serve.AliasFile;
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
        footer = {
            "",
            "Examples:",
            "  i2l vacuum --output s3a://loras/all --older-than 3d --dry-run",
            "  i2l vacuum --output s3a://loras/all --keep-versions 3 --keep-days 90"
        })
final class VacuumCommand implements Callable<Integer> {
    private static final int MAX_LISTED = 20;
    private static final int USUAL_VERSIONS = 3;
    private static final int USUAL_DAYS = 90;

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

    @Option(
            names = "--keep-versions",
            paramLabel = "N",
            description =
                    "Also remove LoRAs that newer ones have superseded, but keep so many of each style and base model. By default all stay; with --keep-days 3. What a brand's aliases name always stays, and what the newest run has.")
    private Integer keepVersions;

    @Option(
            names = "--keep-days",
            paramLabel = "DAYS",
            description = "Keep LoRAs that were superseded since. With --keep-versions 90 by default.")
    private Integer keepDays;

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
        check();
        try (SparkSession spark = sparkOptions.start("i2l vacuum", report)) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            VacuumJob.Report found = new VacuumJob(spark, storage, output.layout(storage), retention(storage))
                    .execute(olderThan, dryRun);
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("dry_run", dryRun);
            facts.putAll(found.facts());
            report.document(facts);
            String verb = dryRun ? "would be removed" : "removed";
            String loras =
                    String.format(Locale.ROOT, "LoRAs that no row names (%.1f MB) %s", found.loraBytes() / 1e6, verb);
            String previews = String.format(
                    Locale.ROOT, "previews that no row names (%.1f MB) %s", found.previewBytes() / 1e6, verb);
            if (keepVersions != null || keepDays != null) {
                String superseded = String.format(
                        Locale.ROOT, "superseded LoRAs (%.1f MB) %s", found.supersededBytes() / 1e6, verb);
                show(found.supersededCount(), superseded, found.superseded());
            }
            show(found.loraCount(), loras, found.loras());
            show(found.previewCount(), previews, found.previews());
            show("folders of killed runs " + verb, found.runs());
            show("manifest files that do not count " + verb, found.manifestFiles());
            show("uploads that were never ended " + verb, found.uploads());
            return 0;
        }
    }

    private Optional<Retention> retention(Storage storage) throws IOException {
        if (keepVersions == null && keepDays == null) {
            return Optional.empty();
        }
        OutputLayout layout = output.layout(storage);
        return Optional.of(new Retention(
                keepVersions == null ? USUAL_VERSIONS : keepVersions,
                Duration.ofDays(keepDays == null ? USUAL_DAYS : keepDays),
                () -> AliasFile.paths(storage, layout)));
    }

    private void check() throws UnusableException {
        output.check();
        if (keepVersions != null && keepVersions < 1) {
            throw new UnusableException("Invalid --keep-versions: %d (expected at least 1)".formatted(keepVersions));
        }
        if (keepDays != null && keepDays < 0) {
            throw new UnusableException("Invalid --keep-days: %d (expected at least 0)".formatted(keepDays));
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
