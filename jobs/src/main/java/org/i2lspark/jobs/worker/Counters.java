package org.i2lspark.jobs.worker;

import java.io.Serializable;
import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * What tasks have done so far; Spark brings the counts to the driver with every heartbeat and shows them in its web page.
 *
 * @param styles done, skipped or failed
 * @param images of those styles, and those that went through the stack
 * @param embedded images that went through the stack
 * @param failed styles that failed
 */
public record Counters(LongAccumulator styles, LongAccumulator images, LongAccumulator embedded, LongAccumulator failed)
        implements Serializable {

    public static Counters register(SparkContext context) {
        return new Counters(
                context.longAccumulator("i2l styles"),
                context.longAccumulator("i2l images"),
                context.longAccumulator("i2l images embedded"),
                context.longAccumulator("i2l styles failed"));
    }
}
