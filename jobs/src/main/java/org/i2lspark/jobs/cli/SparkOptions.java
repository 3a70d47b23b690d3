package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Option;

/** Where and how Spark runs: the options that all commands share that run on it. */
final class SparkOptions {
    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "Where Spark runs. Default: embedded, on all cores of this machine.")
    private String master;

    @Option(
            names = "--properties-file",
            paramLabel = "FILE",
            description = "Settings for Spark, a key and a value in each line, as spark-submit takes them; see conf/.")
    private Path propertiesFile;

    @Option(names = "--conf", paramLabel = "KEY=VALUE", description = "A setting for Spark; may be repeated.")
    private Map<String, String> settings = new TreeMap<>();

    SparkSession start(String name) throws IOException {
        Map<String, String> all = new TreeMap<>();
        if (propertiesFile != null) {
            Properties properties = new Properties();
            try (Reader reader = Files.newBufferedReader(propertiesFile, StandardCharsets.UTF_8)) {
                properties.load(reader);
            }
            properties
                    .stringPropertyNames()
                    .forEach(key -> all.put(key, properties.getProperty(key).strip()));
        }
        if (master != null) {
            all.put("spark.master", master);
        }
        all.putAll(settings);
        for (String key : all.keySet()) {
            if (!key.startsWith("spark.")) {
                throw new IllegalArgumentException(
                        "Invalid setting: '%s' (expected a name that begins with 'spark.', such as spark.hadoop.fs.s3a.endpoint)"
                                .formatted(key));
            }
        }
        return Sessions.start(name, all);
    }
}
