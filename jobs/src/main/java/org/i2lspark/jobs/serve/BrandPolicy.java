package org.i2lspark.jobs.serve;

import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.i2lspark.model.BaseModel;

/**
 * What decides about a brand's LoRAs after a run.
 *
 * @param model that LoRAs in force are for
 * @param block cosine distance from which on new LoRAs do not become current by themselves
 * @param publish where to
 * @param texts what is said of styles, by their ids
 * @param strength of a style, by its id
 */
public record BrandPolicy(
        BaseModel model,
        Approval approval,
        double block,
        List<PublishPlace> publish,
        Map<String, StyleText> texts,
        ToDoubleFunction<String> strength) {
    /** Who makes a LoRA current. */
    public enum Approval {
        /** The run that made it. */
        AUTO,
        /** A person. */
        MANUAL
    }
}
