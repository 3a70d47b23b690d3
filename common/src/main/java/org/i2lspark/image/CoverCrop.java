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
    private static final long LOW_HALF = 0xFFFF_FFFFL;
    private static final long ROUNDING_IN_BOTH_HALVES = ((long) ROUNDING << Integer.SIZE) | ROUNDING;

    private CoverCrop() {}

    /** The middle {@code width}×{@code height} of the image after scaling it to cover that size. */
    public static RgbImage apply(RgbImage image, int width, int height) {
        double scale = Math.max((double) width / image.width(), (double) height / image.height());
        int scaledWidth = (int) Math.rint(image.width() * scale);
        int scaledHeight = (int) Math.rint(image.height() * scale);
        int left = (int) Math.rint((scaledWidth - width) / 2.0);
        int top = (int) Math.rint((scaledHeight - height) / 2.0);

        Filter columns = Filter.bilinear(image.width(), scaledWidth, left, width);
        Filter rows = Filter.bilinear(image.height(), scaledHeight, top, height);
        int firstRow = rows.start[0];
        int lastRow = rows.start[height - 1] + rows.length[height - 1];
        byte[] narrowed = scaleRows(image, firstRow, lastRow, columns);
        return new RgbImage(width, height, scaleColumns(narrowed, firstRow, rows, width * CHANNELS));
    }

    /** For each output position: the first input position, how many follow, and their fixed-point weights. */
    private record Filter(int[] start, int[] length, int[] weights, int stride, boolean identity) {

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
            return new Filter(start, length, weights, stride, inputSize == scaledSize);
        }
    }

    /**
     * Scales rows {@code firstRow} to {@code lastRow} horizontally. Two rows go through at once, one in each half of a
     * long: weights are not negative and a weighted sum stays under 2^31, so the halves do not touch.
     */
    private static byte[] scaleRows(RgbImage image, int firstRow, int lastRow, Filter columns) {
        int outputStride = columns.start.length * CHANNELS;
        byte[] out = new byte[(lastRow - firstRow) * outputStride];
        byte[] in = image.pixels();
        int inputStride = image.width() * CHANNELS;
        if (columns.identity) {
            for (int row = firstRow; row < lastRow; row++) {
                System.arraycopy(
                        in,
                        row * inputStride + columns.start[0] * CHANNELS,
                        out,
                        (row - firstRow) * outputStride,
                        outputStride);
            }
            return out;
        }
        int last = columns.start.length - 1;
        int fromColumn = columns.start[0] * CHANNELS;
        int toColumn = (columns.start[last] + columns.length[last]) * CHANNELS;
        long[] pair = new long[toColumn];
        for (int row = firstRow; row < lastRow; row += 2) {
            int upper = row * inputStride;
            int lower = Math.min(row + 1, lastRow - 1) * inputStride;
            for (int x = fromColumn; x < toColumn; x++) {
                pair[x] = ((long) (in[lower + x] & 0xFF) << Integer.SIZE) | (in[upper + x] & 0xFF);
            }
            int upperOut = (row - firstRow) * outputStride;
            int lowerOut = (Math.min(row + 1, lastRow - 1) - firstRow) * outputStride;
            scaleRowPair(pair, columns, out, upperOut, lowerOut);
        }
        return out;
    }

    private static void scaleRowPair(long[] pair, Filter columns, byte[] out, int upperOut, int lowerOut) {
        int[] weights = columns.weights;
        for (int i = 0; i < columns.start.length; i++) {
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
            out[upperOut + o] = (byte) ((red & LOW_HALF) >>> WEIGHT_BITS);
            out[upperOut + o + 1] = (byte) ((green & LOW_HALF) >>> WEIGHT_BITS);
            out[upperOut + o + 2] = (byte) ((blue & LOW_HALF) >>> WEIGHT_BITS);
            out[lowerOut + o] = (byte) (red >>> (Integer.SIZE + WEIGHT_BITS));
            out[lowerOut + o + 1] = (byte) (green >>> (Integer.SIZE + WEIGHT_BITS));
            out[lowerOut + o + 2] = (byte) (blue >>> (Integer.SIZE + WEIGHT_BITS));
        }
    }

    private static byte[] scaleColumns(byte[] in, int firstRow, Filter rows, int stride) {
        byte[] out = new byte[rows.start.length * stride];
        int[] sums = new int[stride];
        for (int i = 0; i < rows.start.length; i++) {
            int input = (rows.start[i] - firstRow) * stride;
            if (rows.identity) {
                System.arraycopy(in, input, out, i * stride, stride);
                continue;
            }
            Arrays.fill(sums, ROUNDING);
            for (int k = 0; k < rows.length[i]; k++) {
                addWeightedRow(sums, in, input + k * stride, rows.weights[i * rows.stride + k]);
            }
            for (int x = 0; x < stride; x++) {
                out[i * stride + x] = (byte) (sums[x] >>> WEIGHT_BITS);
            }
        }
        return out;
    }

    private static void addWeightedRow(int[] sums, byte[] in, int row, int weight) {
        for (int x = 0; x < sums.length; x++) {
            sums[x] += (in[row + x] & 0xFF) * weight;
        }
    }
}
