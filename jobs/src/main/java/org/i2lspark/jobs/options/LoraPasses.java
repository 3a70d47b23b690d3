package org.i2lspark.jobs.options;

/** On which passes of the transformer LoRAs act, where there is guidance and thus one for each prompt. */
public enum LoraPasses {
    BOTH,
    /** On that of the prompt, not on that of the negative prompt. */
    POSITIVE_ONLY
}
