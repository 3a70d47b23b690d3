package org.i2lspark.jobs.worker;

import java.io.Serializable;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.PictureStackSettings;

/**
 * How pictures are made, settled once, on one executor, and the same on all.
 *
 * @param model for a person
 * @param memory what is in the device's memory at a time, for a person
 * @param libtorch version and flavor, as {@code 2.7.1+cpu}
 * @param checkpoints fingerprints by name
 * @param distilledSha256 of the file of the LoRA that acts on all pictures, in hex; null if there is none
 */
public record PictureOrder(
        PictureStackSettings stack,
        String model,
        String memory,
        String libtorch,
        Map<String, String> checkpoints,
        String distilledSha256)
        implements Serializable {

    /** In order of names: fingerprints follow from them. */
    public PictureOrder {
        checkpoints = Collections.unmodifiableSortedMap(new TreeMap<>(checkpoints));
    }

    /**
     * Refuses work that would not come out as on the executor that settled this.
     *
     * @param here what the executor of this process can do
     * @throws UnusableException if that differs
     */
    void requireSame(PictureOrder here) throws UnusableException {
        // the memory that is free may differ, what comes out does not
        PictureOrder expected = new PictureOrder(stack, model, here.memory, libtorch, checkpoints, distilledSha256);
        if (!expected.equals(here)) {
            throw new UnusableException(
                    "Cannot make pictures on this executor: it has %s, but the run was settled on %s; make the executors alike"
                            .formatted(here, expected));
        }
    }
}
