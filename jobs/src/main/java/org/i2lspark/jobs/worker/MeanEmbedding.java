package org.i2lspark.jobs.worker;

import java.util.List;

/** The embedding of a style: the mean of its images', summed in double precision. */
final class MeanEmbedding {
    private MeanEmbedding() {}

    /** The mean of one or more embeddings of one length. */
    static float[] of(List<float[]> embeddings) {
        double[] sum = new double[embeddings.get(0).length];
        for (float[] embedding : embeddings) {
            for (int i = 0; i < sum.length; i++) {
                sum[i] += embedding[i];
            }
        }
        float[] mean = new float[sum.length];
        for (int i = 0; i < sum.length; i++) {
            mean[i] = (float) (sum[i] / embeddings.size());
        }
        return mean;
    }
}
