package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.Setting;
import org.i2lspark.jobs.storage.Secrets;
import org.i2lspark.jobs.storage.Storage;
import scala.Tuple2;

/** Starts Spark: embedded unless a master is named, here or by {@code spark-submit}. */
final class Sessions {
    private Sessions() {}

    /**
     * A session with the settings that this project relies on.
     *
     * @param settings win over what {@code spark-submit} says, and that over the defaults
     */
    static SparkSession start(String name, Map<String, String> settings) throws IOException {
        SparkConf conf = new SparkConf().setAppName(name);
        settings.forEach(conf::set);
        Setting.check(conf);
        conf.setIfMissing("spark.master", "local[*]");
        conf.setIfMissing("spark.ui.showConsoleProgress", "false");
        conf.setIfMissing("spark.redaction.regex", Secrets.SETTING_NAMES);
        conf.set("spark.sql.session.timeZone", "UTC");
        // the manifest's times and ids as they are, not as Spark 2 wrote them or as they happen to look
        conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS");
        conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false");
        // what is read back of a run on its way carries checksums, and they are looked at
        conf.setIfMissing("spark.checkpoint.compress", "true");
        conf.setIfMissing("spark.hadoop.parquet.page.verify-checksum.enabled", "true");
        conf.setIfMissing("spark.sql.catalogImplementation", "in-memory");
        if (!conf.contains("spark.sql.warehouse.dir")) {
            conf.set("spark.sql.warehouse.dir", emptyWarehouse());
        }
        setStoreDefaults(conf);
        // brings the counts of running tasks
        conf.setIfMissing("spark.executor.heartbeatInterval", "1s");
        if (conf.get("spark.master").startsWith("local")) {
            conf.setIfMissing("spark.ui.enabled", "false");
            // a laptop's own name need not resolve
            conf.setIfMissing("spark.driver.host", "127.0.0.1");
            conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
        } else {
            // spark-submit names the application to executors, an embedded driver must do so itself
            conf.setIfMissing("spark.jars", applicationJar());
        }
        SparkSession spark = session(conf);
        learnSecrets(spark.sparkContext().getConf(), spark.sparkContext().hadoopConfiguration());
        return spark;
    }

    private static SparkSession session(SparkConf conf) throws UnusableException {
        try {
            return SparkSession.builder().config(conf).getOrCreate();
        } catch (IllegalArgumentException e) {
            // settings are all that it is given
            throw new UnusableException(
                    "Cannot start Spark: " + Problems.describe(e).replaceAll("\\R", " "), e);
        }
    }

    /** Gives Hadoop, which asks the system and fails, the name of a user that the system does not know. */
    static void logIn(String user) {
        System.setProperty("user.name", user);
        UserGroupInformation.setLoginUser(UserGroupInformation.createRemoteUser(user));
    }

    /** The stores as a session with these settings would see them, without starting one. */
    static Storage storage(Map<String, String> settings) throws UnusableException {
        SparkConf conf = new SparkConf();
        settings.forEach(conf::set);
        Setting.check(conf);
        setStoreDefaults(conf);
        Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
        learnSecrets(conf, hadoop);
        return new Storage(hadoop);
    }

    private static void learnSecrets(SparkConf conf, Configuration hadoop) {
        for (Tuple2<String, String> setting : conf.getAll()) {
            Secrets.learn(Map.of(setting._1(), setting._2()).entrySet());
        }
        Secrets.learn(hadoop);
        Secrets.learn(System.getenv().entrySet());
    }

    /** Uploads of a bounded buffer in memory: up to four parts of a file on their way, whatever its size. */
    private static void setStoreDefaults(SparkConf conf) {
        conf.setIfMissing("spark.hadoop.fs.s3a.fast.upload.buffer", "bytebuffer");
        conf.setIfMissing("spark.hadoop.fs.s3a.fast.upload.active.blocks", "4");
        conf.setIfMissing("spark.hadoop.fs.s3a.multipart.size", "16M");
        // as many as S3 takes in a request
        conf.setIfMissing("spark.hadoop.fs.s3a.bulk.delete.page.size", "1000");
        // plain ranged reads: images, receipts and checkpoints are read once, from front to back
        conf.setIfMissing("spark.hadoop.fs.s3a.input.stream.type", "classic");
    }

    /** Spark makes the folder of its tables even if there are none: by default, in the working folder. */
    private static String emptyWarehouse() throws IOException {
        Path warehouse = Files.createTempDirectory("i2l-warehouse");
        warehouse.toFile().deleteOnExit();
        return warehouse.toUri().toString();
    }

    private static String applicationJar() {
        try {
            return Path.of(Sessions.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
