package org.i2lspark.image;

import static org.i2lspark.image.RgbImage.CHANNELS;

import java.awt.color.CMMException;
import java.awt.color.ColorSpace;
import java.awt.color.ICC_ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.awt.image.ColorConvertOp;
import java.awt.image.ColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.PixelInterleavedSampleModel;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.i2lspark.image.ImageException.Problem;

/**
 * Turns what ImageIO decodes into 8-bit sRGB. It reads samples, not {@link BufferedImage#getRGB}: Java takes grey for
 * linear light and would brighten it.
 */
final class PixelConverter {
    private static final int[] RGB_BANDS = {0, 1, 2};
    private static final int[] BGR_BANDS = {2, 1, 0};
    private static final int MAX_REMEMBERED = 16;
    private static final int MAX_REMEMBERED_BYTES = 1 << 16;

    /** Whether the latest profiles are sRGB: to find out takes longer than to decode a photo, and most have one of a few. */
    private static final Map<ByteBuffer, Boolean> ARE_SRGB = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ByteBuffer, Boolean> eldest) {
            return size() > MAX_REMEMBERED;
        }
    };

    private static final int PROBE_STEPS = 10;
    private static final int ROUNDING_LEVELS = 2;

    private final BufferedImage image;
    private final int width;
    private final int height;

    private PixelConverter(BufferedImage image) {
        this.image = image;
        this.width = image.getWidth();
        this.height = image.getHeight();
    }

    /**
     * Pixels with colours in sRGB and alpha flattened on white.
     *
     * @param alpha what the image's alpha means, if it has any
     * @param embeddedProfile the file's colour profile, where the image does not carry it itself
     * @throws ImageException if its samples have more than 16 bits
     */
    static RgbImage toRgb(BufferedImage image, AlphaKind alpha, Optional<byte[]> embeddedProfile)
            throws ImageException {
        requireFewBits(image.getColorModel());
        PixelConverter converter = new PixelConverter(image);
        Samples samples = converter.samples(alpha);
        Optional<ICC_Profile> profile = embeddedProfile.flatMap(PixelConverter::parseProfile);
        if (profile.isEmpty()) {
            profile = converter.ownProfile();
        }
        byte[] rgb = profile.filter(icc -> !isSrgb(icc))
                .flatMap(icc -> convert(samples, converter.width, converter.height, icc))
                .orElseGet(samples::toRgb);
        if (samples.alpha != null) {
            flattenOnWhite(rgb, samples.alpha);
        }
        return new RgbImage(converter.width, converter.height, rgb);
    }

    /** 8-bit colour samples, interleaved, of one (grey) or three (RGB) channels, and alpha where there is any. */
    private record Samples(byte[] color, int channels, byte[] alpha) {
        byte[] toRgb() {
            if (channels == CHANNELS) {
                return color;
            }
            byte[] rgb = new byte[color.length * CHANNELS];
            for (int i = 0; i < color.length; i++) {
                rgb[i * CHANNELS] = color[i];
                rgb[i * CHANNELS + 1] = color[i];
                rgb[i * CHANNELS + 2] = color[i];
            }
            return rgb;
        }

        Samples withoutAlpha() {
            return new Samples(color, channels, null);
        }

        /** Rounds down, as Pillow does. */
        Samples dividedByAlpha() {
            byte[] divided = color.clone();
            for (int i = 0; alpha != null && i < divided.length; i++) {
                int opacity = alpha[i / channels] & 0xFF;
                if (opacity != 0) {
                    divided[i] = (byte) Math.min(255, (divided[i] & 0xFF) * 255 / opacity);
                }
            }
            return new Samples(divided, channels, alpha);
        }
    }

    /** What they mean, from 0 to 1 or in other units, is not known. */
    private static void requireFewBits(ColorModel model) throws ImageException {
        if (!(model instanceof IndexColorModel) && model.getComponentSize(0) > Short.SIZE) {
            throw new ImageException(
                    Problem.UNSUPPORTED,
                    "Cannot decode image: samples of %d bits are not supported; convert them to 8 or 16"
                            .formatted(model.getComponentSize(0)));
        }
    }

    private Samples samples(AlphaKind alpha) {
        // what Java knows to be multiplied, samples() divides
        boolean undivided = alpha == AlphaKind.PREMULTIPLIED && !image.isAlphaPremultiplied();
        Samples samples = samples();
        if (alpha == AlphaKind.NONE) {
            return samples.withoutAlpha();
        }
        return undivided ? samples.dividedByAlpha() : samples;
    }

    private Samples samples() {
        ColorModel model = image.getColorModel();
        if (model instanceof IndexColorModel palette) {
            return paletteSamples(palette);
        }
        if (image.isAlphaPremultiplied()) {
            image.coerceData(false);
        }
        int type = model.getColorSpace().getType();
        boolean integral = image.getRaster().getTransferType() <= DataBuffer.TYPE_INT;
        if (integral && (type == ColorSpace.TYPE_RGB || type == ColorSpace.TYPE_GRAY)) {
            byte[] packed = type == ColorSpace.TYPE_RGB ? packedRgb() : null;
            return packed != null
                    ? new Samples(packed, CHANNELS, null)
                    : directSamples(model, type == ColorSpace.TYPE_RGB ? CHANNELS : 1);
        }
        return convertedSamples();
    }

    private Samples paletteSamples(IndexColorModel palette) {
        int[] argb = new int[palette.getMapSize()];
        palette.getRGBs(argb);
        byte[] color = new byte[width * height * CHANNELS];
        byte[] alpha = palette.hasAlpha() ? new byte[width * height] : null;
        Raster raster = image.getRaster();
        int[] row = new int[width];
        for (int y = 0; y < height; y++) {
            raster.getSamples(0, y, width, 1, 0, row);
            for (int x = 0; x < width; x++) {
                // an index beyond the palette shows as black, as in Pillow
                store(row[x] < argb.length ? argb[row[x]] : 0xFF000000, y * width + x, color, alpha);
            }
        }
        return new Samples(color, CHANNELS, alpha);
    }

    /** Three bytes a pixel and nothing between them, without a detour through integers; null where they lie otherwise. */
    private byte[] packedRgb() {
        if (!(image.getSampleModel() instanceof PixelInterleavedSampleModel layout
                && image.getRaster().getDataBuffer() instanceof DataBufferByte buffer
                && image.getColorModel().getComponentSize(0) == Byte.SIZE
                && layout.getPixelStride() == CHANNELS
                && layout.getScanlineStride() == width * CHANNELS
                && buffer.getData().length == width * height * CHANNELS)) {
            return null;
        }
        int[] bands = layout.getBandOffsets();
        if (Arrays.equals(bands, RGB_BANDS)) {
            return buffer.getData();
        }
        return Arrays.equals(bands, BGR_BANDS) ? reversed(buffer.getData()) : null;
    }

    private static byte[] reversed(byte[] bgr) {
        byte[] rgb = new byte[bgr.length];
        for (int i = 0; i < rgb.length; i += CHANNELS) {
            rgb[i] = bgr[i + 2];
            rgb[i + 1] = bgr[i + 1];
            rgb[i + 2] = bgr[i];
        }
        return rgb;
    }

    private Samples directSamples(ColorModel model, int channels) {
        Raster raster = image.getRaster();
        int bands = raster.getNumBands();
        byte[] color = new byte[width * height * channels];
        byte[] alpha = model.hasAlpha() ? new byte[width * height] : null;
        int[] row = new int[width * bands];
        for (int y = 0; y < height; y++) {
            raster.getPixels(0, y, width, 1, row);
            for (int x = 0; x < width; x++) {
                int pixel = y * width + x;
                for (int c = 0; c < channels; c++) {
                    color[pixel * channels + c] = toByte(row[x * bands + c], model.getComponentSize(c));
                }
                if (alpha != null) {
                    alpha[pixel] = toByte(row[x * bands + bands - 1], model.getComponentSize(bands - 1));
                }
            }
        }
        return new Samples(color, channels, alpha);
    }

    /** Scales a sample to 8 bits; of wider samples the high byte counts, as in Pillow. */
    private static byte toByte(int sample, int bits) {
        if (bits == Byte.SIZE) {
            return (byte) sample;
        }
        return (byte) (bits > Byte.SIZE ? sample >>> (bits - Byte.SIZE) : sample * 255 / ((1 << bits) - 1));
    }

    /** CMYK and Lab: Java's own conversion. */
    private Samples convertedSamples() {
        byte[] color = new byte[width * height * CHANNELS];
        byte[] alpha = image.getColorModel().hasAlpha() ? new byte[width * height] : null;
        int[] row = new int[width];
        for (int y = 0; y < height; y++) {
            image.getRGB(0, y, width, 1, row, 0, width);
            for (int x = 0; x < width; x++) {
                store(row[x], y * width + x, color, alpha);
            }
        }
        return new Samples(color, CHANNELS, alpha);
    }

    private static void store(int argb, int pixel, byte[] color, byte[] alpha) {
        color[pixel * CHANNELS] = (byte) (argb >> 16);
        color[pixel * CHANNELS + 1] = (byte) (argb >> 8);
        color[pixel * CHANNELS + 2] = (byte) argb;
        if (alpha != null) {
            alpha[pixel] = (byte) (argb >>> 24);
        }
    }

    private Optional<ICC_Profile> ownProfile() {
        ColorSpace space = image.getColorModel().getColorSpace();
        boolean builtIn = space.isCS_sRGB() || space.equals(ColorSpace.getInstance(ColorSpace.CS_GRAY));
        return !builtIn && space instanceof ICC_ColorSpace icc && space.getType() != ColorSpace.TYPE_CMYK
                ? Optional.of(icc.getProfile())
                : Optional.empty();
    }

    /** A profile that cannot be parsed is ignored, as browsers and Pillow do. */
    private static Optional<ICC_Profile> parseProfile(byte[] bytes) {
        try {
            return Optional.of(ICC_Profile.getInstance(bytes));
        } catch (IllegalArgumentException | CMMException e) {
            return Optional.empty();
        }
    }

    /**
     * Whether a profile changes no colour by more than rounding: what it is called proves nothing, and converting from
     * sRGB to sRGB would only cost time.
     */
    private static boolean isSrgb(ICC_Profile profile) {
        byte[] bytes = profile.getData();
        if (bytes.length > MAX_REMEMBERED_BYTES) {
            return changesNothing(profile);
        }
        synchronized (ARE_SRGB) {
            return ARE_SRGB.computeIfAbsent(ByteBuffer.wrap(bytes), unknown -> changesNothing(profile));
        }
    }

    private static boolean changesNothing(ICC_Profile profile) {
        Samples samples = probeSamples(profile.getNumComponents() == 1 ? 1 : CHANNELS);
        byte[] expected = samples.toRgb();
        return convert(samples, expected.length / CHANNELS, 1, profile)
                .filter(converted -> isClose(converted, expected))
                .isPresent();
    }

    /** All greys, or a grid of colours. */
    private static Samples probeSamples(int channels) {
        int steps = channels == 1 ? 256 : PROBE_STEPS;
        byte[] color = new byte[channels == 1 ? steps : steps * steps * steps * CHANNELS];
        for (int i = 0; i < color.length; i++) {
            int pixel = i / channels;
            int step = pixel / (int) Math.pow(steps, i % channels) % steps;
            color[i] = (byte) (step * 255 / (steps - 1));
        }
        return new Samples(color, channels, null);
    }

    private static boolean isClose(byte[] converted, byte[] expected) {
        for (int i = 0; i < expected.length; i++) {
            if (Math.abs((converted[i] & 0xFF) - (expected[i] & 0xFF)) > ROUNDING_LEVELS) {
                return false;
            }
        }
        return true;
    }

    private static Optional<byte[]> convert(Samples samples, int width, int height, ICC_Profile profile) {
        if (profile.getNumComponents() != samples.channels) {
            return Optional.empty();
        }
        WritableRaster source =
                Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, width, height, samples.channels, null);
        source.setDataElements(0, 0, width, height, samples.color);
        WritableRaster target = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, width, height, CHANNELS, null);
        try {
            ICC_Profile[] path = {profile, ICC_Profile.getInstance(ColorSpace.CS_sRGB)};
            new ColorConvertOp(path, null).filter(source, target);
        } catch (CMMException | IllegalArgumentException e) {
            return Optional.empty();
        }
        return Optional.of((byte[]) target.getDataElements(0, 0, width, height, null));
    }

    private static void flattenOnWhite(byte[] rgb, byte[] alpha) {
        for (int i = 0; i < alpha.length; i++) {
            int opacity = alpha[i] & 0xFF;
            if (opacity == 255) {
                continue;
            }
            for (int c = i * CHANNELS; c < (i + 1) * CHANNELS; c++) {
                int blended = (rgb[c] & 0xFF) * opacity + 255 * (255 - opacity);
                rgb[c] = (byte) ((blended + 127) / 255);
            }
        }
    }
}
