package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Properties;

/**
 * What must be right of a process before any of Spark's classes is loaded. So this one names none, nor any of Scala's or of
 * this project's that do.
 */
final class Surroundings {
    private static final int SPARK = 4;
    /** In each Spark's own jars; what it says needs no class of that Spark. */
    private static final String SPARK_VERSION = "spark-version-info.properties";

    private Surroundings() {}

    /** Why the Spark on the class path cannot run this; empty if it can, or if it does not say its version. */
    static Optional<String> problemOfSpark(ClassLoader loader) {
        Properties info = new Properties();
        try (InputStream in = loader.getResourceAsStream(SPARK_VERSION)) {
            if (in == null) {
                return Optional.empty();
            }
            info.load(in);
        } catch (IOException e) {
            return Optional.of("Cannot read %s: %s".formatted(SPARK_VERSION, e.getMessage()));
        }
        String version = info.getProperty("version", "");
        String major = version.replaceFirst("\\..*", "");
        if (!major.matches("\\d+") || Integer.parseInt(major) >= SPARK) {
            return Optional.empty();
        }
        return Optional.of(
                "Cannot run here: i2l needs Spark %d or newer, with Scala 2.13; this is %s".formatted(SPARK, version));
    }

    /** The name that a process without an entry in the system's list of users goes by; empty if it has one. */
    static Optional<String> nameOfUnknownUser() {
        String name = System.getProperty("user.name");
        if (name != null && !name.equals("?")) {
            return Optional.empty();
        }
        String hadoop = System.getenv("HADOOP_USER_NAME");
        if (hadoop != null && !hadoop.isEmpty()) {
            return Optional.of(hadoop);
        }
        try {
            return Optional.of("uid-" + Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return Optional.of("unknown");
        }
    }
}
