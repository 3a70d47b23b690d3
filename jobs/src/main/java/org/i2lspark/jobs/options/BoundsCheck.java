package org.i2lspark.jobs.options;

import java.lang.reflect.Field;
import java.math.BigDecimal;
import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Holds the options of a command to the {@link Bounds} at their fields. */
public final class BoundsCheck {
    private BoundsCheck() {}

    /**
     * To be called when the command line has been read.
     *
     * @throws UnusableException naming the first option that is out of its bounds
     */
    public static void require(CommandSpec command) throws UnusableException {
        for (ArgSpec arg : command.args()) {
            if (arg.userObject() instanceof Field field) {
                Bounds bounds = field.getAnnotation(Bounds.class);
                if (bounds != null && arg.getValue() instanceof Number value && !contains(bounds, value)) {
                    throw new UnusableException(
                            "Invalid %s: %s (expected %s)".formatted(name(arg), value, text(bounds)));
                }
            }
        }
    }

    /** Of no bounds is NaN. */
    private static boolean contains(Bounds bounds, Number value) {
        return value.doubleValue() >= bounds.min() && value.doubleValue() <= bounds.max();
    }

    private static String name(ArgSpec arg) {
        return arg instanceof OptionSpec option ? option.longestName() : arg.paramLabel();
    }

    private static String text(Bounds bounds) {
        String min = text(bounds.min());
        return Double.isInfinite(bounds.max()) ? min + " or more" : "%s to %s".formatted(min, text(bounds.max()));
    }

    private static String text(double bound) {
        return BigDecimal.valueOf(bound).stripTrailingZeros().toPlainString();
    }
}
