package org.i2lspark.jobs.worker;

/**
 * A preview that there should be.
 *
 * @param fingerprint of all that it follows from
 */
record WantedPreview(PreviewStyle style, String prompt, String fingerprint) {}
