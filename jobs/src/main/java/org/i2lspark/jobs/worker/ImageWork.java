package org.i2lspark.jobs.worker;

import org.i2lspark.jobs.catalog.StoredEmbeddings;
import org.i2lspark.jobs.output.Failure;

/**
 * An image on its way to the stack.
 *
 * @param sha256 of the file; null when it could not be read
 * @param bytes of the file; null when it could not be read, was decoded, or is large
 * @param width of the upright image in pixels; 0 before it is decoded
 * @param failure null while all goes well
 */
record ImageWork(
        String uri,
        String sha256,
        byte[] bytes,
        int width,
        int height,
        Failure failure,
        double readSeconds,
        double prepareSeconds) {

    static ImageWork read(String uri, String sha256, byte[] bytes, double seconds) {
        return new ImageWork(uri, sha256, bytes, 0, 0, null, seconds, 0);
    }

    /** An image that was seen before. */
    static ImageWork stored(String uri, StoredEmbeddings.OfImage image) {
        return new ImageWork(uri, image.sha256(), null, image.width(), image.height(), null, 0, 0);
    }

    static ImageWork failed(String uri, Failure failure) {
        return new ImageWork(uri, null, null, 0, 0, failure, 0, 0);
    }

    ImageWork withoutBytes() {
        return new ImageWork(uri, sha256, null, width, height, failure, readSeconds, prepareSeconds);
    }

    ImageWork failed(Failure newFailure) {
        return new ImageWork(uri, sha256, null, width, height, newFailure, readSeconds, prepareSeconds);
    }

    ImageWork decoded(int newWidth, int newHeight, double moreReadSeconds, double seconds) {
        return new ImageWork(uri, sha256, null, newWidth, newHeight, null, readSeconds + moreReadSeconds, seconds);
    }
}
