package org.i2lspark.jobs.options;

import org.apache.spark.SparkEnv;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.ImageException;

/** Which setting or option changes what a part that knows of none complains about. */
public final class Advice {
    private Advice() {}

    /** The message of a problem, and what to set where that may help; the name of its class if it has no message. */
    public static String on(Throwable problem) {
        String message = problem.getMessage();
        String text = message == null || message.isBlank() ? problem.getClass().getName() : message;
        String setting = setting(problem);
        return setting.isEmpty() ? text : "%s (%s)".formatted(text, setting);
    }

    private static String setting(Throwable problem) {
        if (problem instanceof ImageException image) {
            return switch (image.problem()) {
                case TOO_LARGE -> "--max-pixels";
                case OUT_OF_MEMORY -> decoderMemory();
                case UNSUPPORTED, DAMAGED, FATAL -> "";
            };
        }
        if (problem instanceof DecoderUnavailableException unavailable) {
            return switch (unavailable.lack()) {
                case PROCESS -> decoderMemory();
                case MEMORY -> "spark.executor.memory, or spark.driver.memory in local mode";
                case READER -> "";
            };
        }
        return "";
    }

    /** Without Spark images are decoded in the command's own process. */
    private static String decoderMemory() {
        return SparkEnv.get() == null ? "-Xmx in I2L_JAVA_OPTS" : Setting.DECODER_MEMORY.key();
    }
}
