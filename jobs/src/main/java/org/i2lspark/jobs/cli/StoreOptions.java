package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Option;

/** Settings, among them those of the stores that URIs lead to. */
final class StoreOptions {
    @Option(
            names = "--properties-file",
            paramLabel = "FILE",
            description = "Settings for Spark, a key and a value in each line, as spark-submit takes them; see conf/.")
    private Path propertiesFile;

    @Option(names = "--conf", paramLabel = "KEY=VALUE", description = "A setting for Spark; may be repeated.")
    private Map<String, String> settings = new TreeMap<>();

    /** What was set: {@code --conf} wins over the file. */
    Map<String, String> settings() throws IOException {
        return settings(Map.of());
    }

    /** What was set: {@code --conf} wins over what options of their own say, and those over the file. */
    Map<String, String> settings(Map<String, String> ofOptions) throws IOException {
        Map<String, String> all = new TreeMap<>();
        if (propertiesFile != null) {
            Properties properties = new Properties();
            try (Reader reader = Files.newBufferedReader(propertiesFile, StandardCharsets.UTF_8)) {
                properties.load(reader);
            } catch (IOException | IllegalArgumentException e) {
                throw new UnusableException("Cannot read --properties-file: " + Problems.describe(e), e);
            }
            properties
                    .stringPropertyNames()
                    .forEach(key -> all.put(key, properties.getProperty(key).strip()));
        }
        all.putAll(ofOptions);
        all.putAll(settings);
        for (String key : all.keySet()) {
            if (!key.startsWith("spark.")) {
                throw new UnusableException(
                        "Invalid setting: '%s' (expected a name that begins with 'spark.', such as spark.hadoop.fs.s3a.endpoint)"
                                .formatted(key));
            }
        }
        return all;
    }
}
