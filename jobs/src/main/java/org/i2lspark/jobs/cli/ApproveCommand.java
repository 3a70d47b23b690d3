package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code i2l approve}: what waits becomes current. */
@Command(
        name = "approve",
        mixinStandardHelpOptions = true,
        description = {
            "Makes the LoRAs of a brand that wait for approval current, and publishes them. They wait where the brand's approval is manual, "
                    + "where the brand moved too far, and where they were rolled back before.",
            ""
        },
        footer = {"", "Example:", "  i2l approve aurora/ink --output s3a://loras/all --by mira"})
final class ApproveCommand implements Callable<Integer> {
    @Mixin
    private BrandOptions brand;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws IOException {
        brand.check();
        try (SparkSession spark = sparkOptions.start("i2l approve", report)) {
            BrandOptions.tell(brand.serving(spark).approve(brand.style(), brand.by()), report);
            return 0;
        }
    }
}
