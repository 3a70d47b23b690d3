package org.i2lspark.jobs.bench;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.pmod;
import static org.apache.spark.sql.functions.sequence;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.catalog.Catalog;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.cli.SparkOptions;
import org.i2lspark.jobs.generate.Planner;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code i2l bench-plan}: how planning grows with the catalog. */
@Command(
        name = "bench-plan",
        mixinStandardHelpOptions = true,
        description = {
            "Plans catalogs of made-up styles, one to three images each: reads the table, groups it, spreads the styles over tasks "
                    + "and writes that down, as generate does before it runs the model.",
            "Tells time and the driver's heap. With a cluster as " + "--master the heap is the driver's alone.",
            ""
        },
        footer = {"", "Example:", "  i2l bench-plan --styles 10000,100000,1000000 --master spark://127.0.0.1:7077"})
public final class BenchPlanCommand implements Callable<Integer> {
    private static final int IMAGES_PER_TASK = 1024;

    @Option(
            names = "--styles",
            split = ",",
            defaultValue = "10000,100000,1000000",
            paramLabel = "N",
            description = "Sizes of the catalogs. Default: ${DEFAULT-VALUE}.")
    private List<Integer> sizes;

    @Mixin
    private SparkOptions sparkOptions;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Path folder = Files.createTempDirectory("i2l-bench-plan");
        try (SparkSession spark = sparkOptions.start("i2l bench-plan")) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            print("   styles    images    tasks  seconds  heap after GC  heap peak");
            plan(spark, storage, folder, 1000);
            for (int size : sizes) {
                print(plan(spark, storage, folder, size));
            }
            storage.delete(new org.apache.hadoop.fs.Path(folder.toUri()));
        }
        return 0;
    }

    private String plan(SparkSession spark, Storage storage, Path folder, int size) throws IOException {
        String table = folder.resolve("catalog-" + size + ".parquet").toUri().toString();
        Column style = concat(lit("brand"), pmod(col("id"), lit(100)), lit("/style"), col("id"));
        spark.range(size)
                .select(
                        style.as("style_id"),
                        concat(lit("brand"), pmod(col("id"), lit(100))).as("brand"),
                        explode(sequence(lit(0), pmod(col("id"), lit(3)))).as("position"))
                .withColumn(
                        "image",
                        concat(lit("s3a://photos/all/"), col("style_id"), lit("/"), col("position"), lit(".jpg")))
                .write()
                .parquet(table);
        heapPools().forEach(MemoryPoolMXBean::resetPeakUsage);
        long start = System.nanoTime();
        Catalog catalog = Catalog.read(spark, storage, table);
        int tasks = (int) (catalog.imageCount() / IMAGES_PER_TASK) + 1;
        JavaRDD<List<Style>> parts = Planner.writeDown(
                catalog.styles(),
                tasks,
                new org.apache.hadoop.fs.Path(folder.resolve("plan-" + size).toUri()));
        double seconds = (System.nanoTime() - start) / 1e9;
        double peak = heapPools().stream()
                        .mapToLong(pool -> pool.getPeakUsage().getUsed())
                        .sum()
                / 1e6;
        System.gc();
        double live = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / 1e6;
        catalog.close();
        return String.format(
                Locale.ROOT,
                "%9d %9d %8d %8.1f %11.0f MB %7.0f MB",
                catalog.styleCount(),
                catalog.imageCount(),
                parts.getNumPartitions(),
                seconds,
                live,
                peak);
    }

    private static List<MemoryPoolMXBean> heapPools() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .toList();
    }

    private void print(String line) {
        spec.commandLine().getOut().println(line);
        spec.commandLine().getOut().flush();
    }
}
