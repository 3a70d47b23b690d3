package org.i2lspark.jobs.options;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The least and the greatest value of an option that is a number; {@link BoundsCheck} refuses others. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
public @interface Bounds {
    double min();

    double max() default Double.POSITIVE_INFINITY;
}
