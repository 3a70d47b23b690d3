package org.i2lspark.jobs.options;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.i2lspark.jobs.UnusableException;
import scala.Tuple2;

/** The settings of i2l among those of Spark: what depends on the cluster and not on the run. */
public enum Setting {
    /** What one process that decodes images may use of memory; there are half as many as an executor has cores. */
    DECODER_MEMORY("spark.i2l.decoder.memory", "2g", "a size from 32m on, such as 512m or 2g"),

    /** Where on a node the copies of checkpoints from an object store or HDFS go. */
    CHECKPOINT_CACHE(
            "spark.i2l.checkpoint.cache",
            Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath() + "/i2l-checkpoints",
            "an absolute path on each node"),

    /** With how many threads libtorch computes on the CPU; by itself with one for each core, or one if a GPU does the work. */
    TORCH_THREADS("spark.i2l.libtorch.threads", "auto", "auto or a number from 1 to 1024");

    private static final String PREFIX = "spark.i2l.";
    private static final Pattern THREADS = Pattern.compile("auto|[1-9][0-9]{0,2}|10[01][0-9]|102[0-4]");
    private static final long LEAST_DECODER_BYTES = 32 << 20;

    private final String key;
    private final String usual;
    private final String expected;

    Setting(String key, String usual, String expected) {
        this.key = key;
        this.usual = usual;
        this.expected = expected;
    }

    public String key() {
        return key;
    }

    /** Its value in this process: the default where Spark does not run. */
    public String value() {
        return SparkEnv.get() == null ? usual : SparkEnv.get().conf().get(key, usual);
    }

    /**
     * Checks all that begin as the settings of i2l do.
     *
     * @throws UnusableException if there is none of that name, or its value is none
     */
    public static void check(SparkConf conf) throws UnusableException {
        for (Tuple2<String, String> given : conf.getAll()) {
            if (given._1().startsWith(PREFIX)) {
                check(given._1(), given._2());
            }
        }
    }

    private static void check(String key, String value) throws UnusableException {
        for (Setting setting : values()) {
            if (setting.key.equals(key)) {
                if (!setting.accepts(value)) {
                    throw new UnusableException(
                            "Invalid %s: '%s' (expected %s)".formatted(key, value, setting.expected));
                }
                return;
            }
        }
        String nearest =
                Nearest.to(key, Arrays.stream(values()).map(Setting::key).toList());
        throw new UnusableException(
                "Invalid setting: '%s' (i2l has none of that name; did you mean %s?)".formatted(key, nearest));
    }

    private boolean accepts(String value) {
        return switch (this) {
            case DECODER_MEMORY -> isDecoderMemory(value);
            case CHECKPOINT_CACHE -> isAbsolutePath(value);
            case TORCH_THREADS -> THREADS.matcher(value).matches();
        };
    }

    private static boolean isDecoderMemory(String value) {
        return ByteSize.parse(value).orElse(0) >= LEAST_DECODER_BYTES;
    }

    private static boolean isAbsolutePath(String value) {
        try {
            return Path.of(value).isAbsolute();
        } catch (InvalidPathException e) {
            return false;
        }
    }
}
