package org.i2lspark.jobs.output;

/**
 * What is known of an image, as the manifest's table images says it.
 *
 * @param sha256 of the file; null when it could not be read
 * @param width of the upright image in pixels; 0 when it could not be decoded
 * @param failure null when all went well
 * @param siglip2 null when it was not embedded
 * @param dinov3 null when it was not embedded
 */
public record ImageFacts(String sha256, int width, int height, Failure failure, float[] siglip2, float[] dinov3) {}
