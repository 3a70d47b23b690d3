package org.i2lspark.jobs.cli;

import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** Starts Spark: embedded unless a master is named, here or by {@code spark-submit}. */
final class Sessions {
    private Sessions() {}

    /**
     * @param master null for what {@code spark-submit} says, else all cores of this machine
     * @param settings win over all defaults
     */
    static SparkSession start(String name, String master, Map<String, String> settings) {
        SparkConf conf = new SparkConf().setAppName(name);
        if (master != null) {
            conf.setMaster(master);
        }
        conf.setIfMissing("spark.master", "local[*]");
        conf.setIfMissing("spark.sql.session.timeZone", "UTC");
        conf.setIfMissing("spark.ui.showConsoleProgress", "false");
        if (conf.get("spark.master").startsWith("local")) {
            conf.setIfMissing("spark.ui.enabled", "false");
            // a laptop's own name need not resolve
            conf.setIfMissing("spark.driver.host", "127.0.0.1");
            conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
        }
        settings.forEach(conf::set);
        if (!conf.get("spark.master").startsWith("local")) {
            // spark-submit names the application to executors, an embedded driver must do so itself
            conf.setIfMissing(
                    "spark.jars",
                    Sessions.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toString());
        }
        return SparkSession.builder().config(conf).getOrCreate();
    }
}
