package org.i2lspark.jobs.output;

import java.io.Serializable;

/**
 * A file of an output.
 *
 * @param path relative to the output
 * @param modified milliseconds since 1970
 */
public record OutputFile(String path, String uri, long bytes, long modified) implements Serializable {}
