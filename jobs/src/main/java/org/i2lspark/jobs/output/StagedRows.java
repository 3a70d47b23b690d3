package org.i2lspark.jobs.output;

import java.io.Serializable;

/**
 * Rows that a task wrote down for the driver. They count once {@link Manifest#commit} has taken them up.
 *
 * @param loras file of rows of the table loras
 * @param images file of rows of the table images
 * @param bytes size of both
 */
public record StagedRows(String loras, String images, long bytes) implements Serializable {}
