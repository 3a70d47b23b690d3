package org.i2lspark.jobs.worker;

import java.io.Serializable;
import org.i2lspark.jobs.output.StagedRows;

/**
 * What a task did. The driver takes up the rows of one attempt at a partition, whichever comes first, so that the counts and
 * the rows of the others never matter.
 */
public record PartResult(StyleCounts counts, StagedRows rows) implements Serializable {}
