package org.i2lspark.jobs.options;

/** At which noise levels a picture is looked at on its way from noise. */
public enum SchedulerChoice {
    /** Those of Qwen-Image, which depend on the picture's size. */
    QWEN,
    /** Those that the distilled LoRAs of Qwen-Image-Lightning were made for. */
    LIGHTNING
}
