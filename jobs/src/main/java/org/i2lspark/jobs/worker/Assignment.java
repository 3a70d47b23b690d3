package org.i2lspark.jobs.worker;

import java.io.Serializable;
import java.util.Set;
import org.i2lspark.jobs.options.ImageLimits;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.storage.ImageSource;

/**
 * What the tasks of a run are told: all of it is settled.
 *
 * @param form of the LoRAs
 * @param rules which images may be read
 * @param limits what images are held to
 * @param lasting kinds of failure that are not tried again while nothing changes
 */
public record Assignment(
        RunIdentity run,
        WorkOrder order,
        LoraForm form,
        ImageSource.Rules rules,
        ImageLimits limits,
        Set<Failure.Kind> lasting)
        implements Serializable {}
