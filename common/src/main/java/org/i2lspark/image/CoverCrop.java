package org.i2lspark.image;

import static org.i2lspark.image.RgbImage.CHANNELS;

import java.util.Arrays;

/**
 * Scales an image so that it covers a target and cuts the middle out, byte for byte as the reference does with Pillow:
 * bilinear, antialiased, two passes, 8 bit between them. Only the pixels that the cut keeps are computed.
 *
 * <p>Source of the arithmetic: {@code ImagingResampleHorizontal_8bpc} and {@code ImagingResampleVertical_8bpc} of
 * Pillow's {@code Resample.c}; source of the geometry: {@code resize} and {@code center_crop} of torchvision.
 */
public final class CoverCrop {
    /** Fixed-point bits of a filter weight: 32 less 8 for the pixel and 2 for headroom. */
    private static final int WEIGHT_BITS = 32 - 8 - 2;

    private static final int ROUNDING = 1 << (WEIGHT_BITS - 1);
    private static final long ROUNDING_IN_BOTH_HALVES = ((long) ROUNDING << Integer.SIZE) | ROUNDING;

    private final RgbImage image;
    private final Filter columns;
    private final Filter rows;
    /** Two input rows, one in each half of a long. */
    private final long[] pair;
    /** The latest horizontally scaled rows, by row number modulo their count. */
    private final int[][] scaledRows;

    private CoverCrop(RgbImage image, Filter columns, Filter rows) {
        this.image = image;
        this.columns = columns;
        this.rows = rows;
        this.pair = new long[columns.end() * CHANNELS];
        this.scaledRows = new int[rows.stride + 2][columns.count() * CHANNELS];
    }

    /** The middle {@code width}×{@code height} of the image after scaling it to cover that size. */
    public static RgbImage apply(RgbImage image, int width, int height) {
        double scale = Math.max((double) width / image.width(), (double) height / image.height());
        int scaledWidth = (int) Math.rint(image.width() * scale);
        int scaledHeight = (int) Math.rint(image.height() * scale);
        int left = (int) Math.rint((scaledWidth - width) / 2.0);
        int top = (int) Math.rint((scaledHeight - height) / 2.0);

        Filter columns = Filter.bilinear(image.width(), scaledWidth, left, width);
        Filter rows = Filter.bilinear(image.height(), scaledHeight, top, height);
        return new RgbImage(width, height, new CoverCrop(image, columns, rows).compute());
    }

    /** For each output position: the first input position, how many follow, and their fixed-point weights. */
    private record Filter(int[] start, int[] length, int[] weights, int stride) {

        int count() {
            return start.length;
        }

        /** The first input position that counts. */
        int first() {
            return start[0];
        }

        /** One past the last input position that counts. */
        int end() {
            return start[count() - 1] + length[count() - 1];
        }

        static Filter bilinear(int inputSize, int scaledSize, int first, int count) {
            double scale = (double) inputSize / scaledSize;
            double filterScale = Math.max(scale, 1.0);
            double support = filterScale;
            int stride = (int) Math.ceil(support) * 2 + 1;
            int[] start = new int[count];
            int[] length = new int[count];
            int[] weights = new int[count * stride];
            double[] exact = new double[stride];
            for (int i = 0; i < count; i++) {
                double centre = (first + i + 0.5) * scale;
                int from = Math.max((int) (centre - support + 0.5), 0);
                int to = Math.min((int) (centre + support + 0.5), inputSize);
                double sum = 0;
                for (int x = from; x < to; x++) {
                    double distance = Math.abs((x - centre + 0.5) * (1.0 / filterScale));
                    exact[x - from] = distance < 1.0 ? 1.0 - distance : 0.0;
                    sum += exact[x - from];
                }
                start[i] = from;
                length[i] = to - from;
                for (int k = 0; k < to - from; k++) {
                    double weight = sum == 0 ? exact[k] : exact[k] / sum;
                    weights[i * stride + k] = (int) (0.5 + weight * (1 << WEIGHT_BITS));
                }
            }
            return new Filter(start, length, weights, stride);
        }
    }

    /** Scales row by row: an output row needs only the few input rows that lie under its filter. */
    private byte[] compute() {
        int stride = columns.count() * CHANNELS;
        byte[] out = new byte[rows.count() * stride];
        int[] sums = new int[stride];
        int nextRow = rows.start[0];
        for (int i = 0; i < rows.count(); i++) {
            while (nextRow < rows.start[i] + rows.length[i]) {
                scalePair(nextRow);
                nextRow += 2;
            }
            Arrays.fill(sums, ROUNDING);
            for (int k = 0; k < rows.length[i]; k++) {
                addWeighted(sums, scaledRow(rows.start[i] + k), rows.weights[i * rows.stride + k]);
            }
            for (int x = 0; x < stride; x++) {
                out[i * stride + x] = (byte) (sums[x] >>> WEIGHT_BITS);
            }
        }
        return out;
    }

    private int[] scaledRow(int row) {
        return scaledRows[row % scaledRows.length];
    }

    private static void addWeighted(int[] sums, int[] row, int weight) {
        for (int x = 0; x < sums.length; x++) {
            sums[x] += row[x] * weight;
        }
    }

    /**
     * Scales a row and the one below it horizontally, both at once, one in each half of a long: weights are not negative
     * and a weighted sum stays under 2^31, so the halves do not touch.
     */
    private void scalePair(int row) {
        byte[] in = image.pixels();
        int stride = image.width() * CHANNELS;
        int upper = row * stride;
        int lower = Math.min(row + 1, image.height() - 1) * stride;
        for (int x = columns.first() * CHANNELS; x < columns.end() * CHANNELS; x++) {
            pair[x] = ((long) (in[lower + x] & 0xFF) << Integer.SIZE) | (in[upper + x] & 0xFF);
        }
        int[] upperOut = scaledRow(row);
        int[] lowerOut = scaledRow(row + 1);
        int[] weights = columns.weights;
        for (int i = 0; i < columns.count(); i++) {
            long red = ROUNDING_IN_BOTH_HALVES;
            long green = ROUNDING_IN_BOTH_HALVES;
            long blue = ROUNDING_IN_BOTH_HALVES;
            int pixel = columns.start[i] * CHANNELS;
            int end = i * columns.stride + columns.length[i];
            for (int k = i * columns.stride; k < end; k++) {
                long weight = weights[k];
                red += pair[pixel] * weight;
                green += pair[pixel + 1] * weight;
                blue += pair[pixel + 2] * weight;
                pixel += CHANNELS;
            }
            int o = i * CHANNELS;
            upperOut[o] = (int) red >>> WEIGHT_BITS;
            upperOut[o + 1] = (int) green >>> WEIGHT_BITS;
            upperOut[o + 2] = (int) blue >>> WEIGHT_BITS;
            lowerOut[o] = (int) (red >>> (Integer.SIZE + WEIGHT_BITS));
            lowerOut[o + 1] = (int) (green >>> (Integer.SIZE + WEIGHT_BITS));
            lowerOut[o + 2] = (int) (blue >>> (Integer.SIZE + WEIGHT_BITS));
        }
    }
}
