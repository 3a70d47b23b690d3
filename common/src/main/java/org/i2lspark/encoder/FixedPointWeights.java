package org.i2lspark.encoder;

/**
 * The whole numbers with which torch weighs bytes when it resizes with antialiasing
 * ({@code aten/src/ATen/native/cpu/UpSampleKernel.cpp}): those of the filter in double precision, times the largest power of
 * two that leaves each within 16 bits.
 *
 * @param matrix row-major {@code [to, from]}
 * @param scale what the weights of a place add up to, but for rounding
 */
record FixedPointWeights(int from, int to, float[] matrix, int scale) {
    private static final int LIMIT = 1 << 15;
    private static final int MAX_BITS = 22;
    private static final long FLOAT32_WHOLE_NUMBERS = 1 << 24;
    private static final double CUBIC_A = -0.5;

    enum Filter {
        BILINEAR(1),
        BICUBIC(2);

        private final int radius;

        Filter(int radius) {
            this.radius = radius;
        }

        private double weight(double offset) {
            double x = Math.abs(offset);
            if (x >= radius) {
                return 0;
            }
            return switch (this) {
                case BILINEAR -> 1 - x;
                case BICUBIC ->
                    x < 1
                            ? ((CUBIC_A + 2) * x - (CUBIC_A + 3)) * x * x + 1
                            : ((CUBIC_A * x - 5 * CUBIC_A) * x + 8 * CUBIC_A) * x - 4 * CUBIC_A;
            };
        }
    }

    /** The weights that bring {@code from} pixels to {@code to}. */
    static FixedPointWeights of(Filter filter, int from, int to) {
        double[] exact = exact(filter, from, to);
        double largest = 0;
        for (double weight : exact) {
            largest = Math.max(largest, weight);
        }
        int bits = 0;
        while (bits < MAX_BITS && (int) (0.5 + largest * (1 << (bits + 1))) < LIMIT) {
            bits++;
        }
        float[] matrix = new float[exact.length];
        for (int i = 0; i < exact.length; i++) {
            double scaled = exact[i] * (1 << bits);
            matrix[i] = (int) (scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        }
        return new FixedPointWeights(from, to, matrix, 1 << bits);
    }

    private static double[] exact(Filter filter, int from, int to) {
        double[] matrix = new double[Math.multiplyExact(from, to)];
        double step = (double) from / to;
        double stretch = Math.max(step, 1);
        double support = filter.radius * stretch;
        for (int row = 0; row < to; row++) {
            double centre = step * (row + 0.5);
            int first = Math.max((int) (centre - support + 0.5), 0);
            int end = Math.min((int) (centre + support + 0.5), from);
            double total = 0;
            for (int i = first; i < end; i++) {
                double weight = filter.weight((i - centre + 0.5) * (1 / stretch));
                matrix[row * from + i] = weight;
                total += weight;
            }
            for (int i = first; i < end; i++) {
                matrix[row * from + i] /= total;
            }
        }
        return matrix;
    }

    /** Whether every sum of bytes times weights, in any order, is a whole number that a float holds. */
    boolean fitFloat32() {
        double most = 0;
        for (int row = 0; row < to; row++) {
            double sum = 0;
            for (int i = 0; i < from; i++) {
                sum += Math.abs(matrix[row * from + i]);
            }
            most = Math.max(most, sum);
        }
        return most * 255 + (scale >> 1) <= FLOAT32_WHOLE_NUMBERS;
    }
}
