package org.i2lspark.jobs.worker;

import java.io.Serializable;

/**
 * What a task of previews did. The driver takes up the rows of one attempt at a partition, so that those of others never matter.
 *
 * @param rows file of rows of the table previews
 * @param rowBytes its size
 */
public record PreviewResult(PreviewCounts counts, String rows, long rowBytes) implements Serializable {}
