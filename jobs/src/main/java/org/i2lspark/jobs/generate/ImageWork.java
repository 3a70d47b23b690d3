package org.i2lspark.jobs.generate;

import org.i2lspark.PreparedImage;
import org.i2lspark.jobs.manifest.Failure;

/**
 * What became of reading one image.
 *
 * @param sha256 of the file; null when it could not be read
 * @param width of the upright image in pixels; 0 when it could not be decoded
 * @param prepared null when it could not be decoded
 * @param failure null when all went well
 */
record ImageWork(
        String uri,
        String sha256,
        int width,
        int height,
        PreparedImage prepared,
        Failure failure,
        double readSeconds,
        double prepareSeconds) {}
