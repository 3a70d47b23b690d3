package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.BaseModelConverter;
import org.i2lspark.jobs.options.PictureSettings;
import org.i2lspark.jobs.serve.BrandPolicy;
import org.i2lspark.jobs.serve.BrandPolicy.Approval;
import org.i2lspark.jobs.serve.PublishPlace;
import org.i2lspark.jobs.serve.PublishPlace.Layout;
import org.i2lspark.jobs.serve.Serving;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.BaseModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code i2l publish}: what the newest run made of a brand comes into force. */
@Command(
        name = "publish",
        mixinStandardHelpOptions = true,
        description = {
            "Takes up what the newest run made of a brand: its LoRAs become current, or wait for approval, and what is current is published under "
                    + "names that never change. Styles that failed, and brands that moved too far, keep what they had.",
            ""
        },
        footer = {"", "Example:", "  i2l publish aurora --output s3a://loras/all --to /srv/comfyui/loras"})
final class PublishCommand implements Callable<Integer> {
    private static final double MAX_DRIFT = 2;

    @Parameters(paramLabel = "BRAND", description = "The first element of its styles' ids.")
    private String brand;

    @Mixin
    private OutputOptions output;

    @Option(
            names = "--to",
            required = true,
            paramLabel = "URI",
            description = "A folder for BRAND/STYLE.safetensors. Can be repeated.")
    private List<String> to;

    @Option(
            names = "--layout",
            defaultValue = "comfyui",
            description =
                    "comfyui: preview and metadata beside each LoRA; diffusers: a folder for each LoRA; plain: LoRAs alone. Default: ${DEFAULT-VALUE}.")
    private Layout layout;

    @Option(
            names = "--approval",
            defaultValue = "auto",
            description =
                    "auto: what was made becomes current by itself; manual: it waits for 'i2l approve'. Default: ${DEFAULT-VALUE}.")
    private Approval approval;

    @Option(
            names = "--block-drift",
            defaultValue = "0.05",
            paramLabel = "DISTANCE",
            description =
                    "From which cosine distance between the brand's centroids, from 0 to 2, what was made waits in any case. Default: ${DEFAULT-VALUE}.")
    private double block;

    @Option(
            names = "--strength",
            defaultValue = "1",
            description =
                    "At which the LoRAs are meant to be used; metadata and aliases say so. Default: ${DEFAULT-VALUE}.")
    private double strength;

    @Option(
            names = "--model",
            defaultValue = "qwen-image",
            converter = BaseModelConverter.class,
            description = "LoRAs for which model. Default: ${DEFAULT-VALUE}.")
    private BaseModel model;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws IOException {
        check();
        try (SparkSession spark = sparkOptions.start("i2l publish", report)) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            Serving serving = new Serving(spark, storage, output.layout(storage), brand);
            BrandOptions.tell(serving.afterRun(policy(storage)), report);
            return 0;
        }
    }

    private void check() throws UnusableException {
        output.check();
        for (String place : to) {
            Locations.require("--to", place);
        }
        if (brand.isBlank() || brand.contains("/")) {
            throw new UnusableException(
                    "Invalid brand: '%s' (expected the first element of its styles' ids)".formatted(brand));
        }
        if (!(block >= 0 && block <= MAX_DRIFT)) {
            throw new UnusableException("Invalid --block-drift: %s (expected 0 to 2)".formatted(block));
        }
        if (!(Math.abs(strength) <= PictureSettings.MAX_STRENGTH)) {
            throw new UnusableException(
                    "Invalid --strength: %s (expected -%s to %2$s)".formatted(strength, PictureSettings.MAX_STRENGTH));
        }
    }

    private BrandPolicy policy(Storage storage) throws IOException {
        List<PublishPlace> places = new ArrayList<>();
        for (String place : to) {
            Path folder = new Path(place);
            storage.requireReachable(folder, "--to");
            places.add(new PublishPlace(storage.qualify(folder).toString(), layout));
        }
        return new BrandPolicy(model, approval, block, places, Map.of(), style -> strength);
    }
}
