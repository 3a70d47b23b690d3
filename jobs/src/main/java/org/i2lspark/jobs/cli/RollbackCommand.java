package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.serve.Serving;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code i2l rollback}: what was current is so again. */
@Command(
        name = "rollback",
        mixinStandardHelpOptions = true,
        description = {
            "Makes earlier LoRAs of a brand current again, and publishes them; nothing is computed. What was current does not become so again "
                    + "by itself, only by 'i2l approve', or when a style's images or options have changed.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  i2l rollback aurora/ink --output s3a://loras/all --by mira",
            "  i2l rollback aurora --to 20260901T020000Z-3f2a --output out/ --by mira"
        })
final class RollbackCommand implements Callable<Integer> {
    @Mixin
    private BrandOptions brand;

    @Option(
            names = "--to",
            paramLabel = "RUN|FINGERPRINT",
            description = "Id of a run, or the beginning of a LoRA's fingerprint. Default: what was current before.")
    private String to;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws IOException {
        brand.check();
        try (SparkSession spark = sparkOptions.start("i2l rollback", report)) {
            Serving serving = brand.serving(spark);
            Serving.Served served = to == null
                    ? serving.rollBack(brand.style(), brand.by())
                    : serving.rollBackTo(to, brand.style(), brand.by());
            BrandOptions.tell(served, report);
            return 0;
        }
    }
}
