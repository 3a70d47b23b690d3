package org.i2lspark.jobs.cli;

import java.io.PrintStream;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;

/** A run that ends by Ctrl-C or SIGTERM. The JVM itself then exits with 130 or 143. */
final class Interruption {
    private Interruption() {}

    /**
     * A call that says what it leaves behind if it is interrupted.
     *
     * @param makeRoom called before
     */
    static <T> T explained(PrintStream err, String explanation, Runnable makeRoom, Callable<T> call) throws Exception {
        Thread hook = new Thread(
                () -> {
                    silenceSpark();
                    makeRoom.run();
                    err.println("Interrupted: " + explanation);
                },
                "i2l-interruption");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            return call.call();
        } finally {
            if (!isUnderWay()) {
                Runtime.getRuntime().removeShutdownHook(hook);
            }
        }
    }

    /** Whether this process is ending: what fails now does so because of that. */
    static boolean isUnderWay() {
        Thread hook = new Thread(() -> {});
        try {
            Runtime.getRuntime().addShutdownHook(hook);
            Runtime.getRuntime().removeShutdownHook(hook);
            return false;
        } catch (IllegalStateException e) {
            return true;
        }
    }

    private static void silenceSpark() {
        if (!SparkSession.getDefaultSession().isEmpty()) {
            SparkSession.getDefaultSession().get().sparkContext().setLogLevel("OFF");
        }
    }
}
