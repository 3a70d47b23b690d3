package org.i2lspark.jobs.options;

/** Whether a guided velocity gets the length that the one of the prompt alone has, token by token. */
public enum GuidanceRescale {
    /** As diffusers and ComfyUI do. */
    ON,
    /** As DiffSynth-Studio does. */
    OFF
}
