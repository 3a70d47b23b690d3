package org.i2lspark.image;

import static org.i2lspark.image.RgbImage.CHANNELS;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import javax.imageio.IIOException;
import javax.imageio.ImageIO;
import javax.imageio.ImageReadParam;
import javax.imageio.ImageReader;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.i2lspark.image.Container.Canvas;
import org.i2lspark.image.DecoderUnavailableException.Lack;
import org.i2lspark.image.ImageException.Problem;

/**
 * Decodes JPEG (also CMYK and progressive), PNG, WebP, TIFF, BMP and GIF (its first frame) to 8-bit sRGB: EXIF orientation
 * applied, alpha flattened on white, colour profiles converted. Safe for use by several threads.
 */
public final class ImageDecoder {
    /** Pillow's limit, a quarter of a GiB of pixels: more is taken for a decompression bomb. */
    public static final long DEFAULT_MAX_PIXELS = 178_956_970;

    /** Readers that meet the end of the data early, or garbage, often only warn and leave the rest grey. */
    private static final Pattern DAMAGE = Pattern.compile("premature|truncated|corrupt|bad huffman|unexpected end|eof");

    private static final String HARMLESS = "extraneous bytes before marker";

    private static final int[] RGB_BANDS = {0, 1, 2};

    static {
        // in a Spark executor the readers come with the application's class loader
        ImageIO.scanForPlugins();
    }

    private final long maxPixels;

    /**
     * A decoder with a limit.
     *
     * @param maxPixels images of more pixels are refused before a pixel is decoded
     */
    public ImageDecoder(long maxPixels) {
        if (maxPixels < 1 || maxPixels > Integer.MAX_VALUE / CHANNELS) {
            throw new IllegalArgumentException(
                    "Invalid pixel limit: %d (expected 1 to %d)".formatted(maxPixels, Integer.MAX_VALUE / CHANNELS));
        }
        this.maxPixels = maxPixels;
    }

    /**
     * Decodes an encoded image.
     *
     * @throws ImageException if it is no image, damaged or truncated, has too many pixels, or takes more memory than there is
     * @throws DecoderUnavailableException if a format's reader cannot be loaded here
     */
    public RgbImage decode(byte[] encoded) throws ImageException, DecoderUnavailableException {
        ImageFormat format = ImageFormat.of(encoded);
        try {
            Container container = Container.walk(format, encoded);
            AlphaKind alpha = format == ImageFormat.TIFF ? AlphaKind.ofTiff(encoded) : AlphaKind.STRAIGHT;
            RgbImage image = PixelConverter.toRgb(picture(format, container), alpha, container.iccProfile());
            if (container.canvas().isPresent()) {
                image = onCanvas(image, container.canvas().get());
            }
            return Orientation.of(container.whole() ? encoded : container.picture())
                    .upright(image);
        } catch (ImageException | DecoderUnavailableException e) {
            throw e;
        } catch (OutOfMemoryError e) {
            throw outOfMemory();
        } catch (LinkageError e) {
            throw unavailable(format, e);
        } catch (IOException | RuntimeException e) {
            if (isOutOfMemory(e)) {
                throw outOfMemory();
            }
            // readers answer hostile bytes with all kinds of unchecked exceptions
            throw ImageException.damaged(format + ": " + e.getMessage(), e);
        }
    }

    private BufferedImage picture(ImageFormat format, Container container) throws IOException {
        ImageReader reader = reader(format);
        if (format == ImageFormat.WEBP) {
            load(reader);
        }
        try (ImageInputStream in = new MemoryCacheImageInputStream(new ByteArrayInputStream(container.picture()))) {
            reader.setInput(in, true, false);
            requireWithinLimit(reader.getWidth(0), reader.getHeight(0));
            return readFirst(format, reader);
        } catch (IIOException e) {
            if (container.whole() || isOutOfMemory(e)) {
                throw e;
            }
            throw ImageException.truncated(format + " that ends before its last pixel");
        } finally {
            reader.dispose();
        }
    }

    /** Some readers wrap it. */
    private static boolean isOutOfMemory(Throwable problem) {
        for (Throwable cause = problem; cause != null; cause = cause.getCause()) {
            if (cause instanceof OutOfMemoryError) {
                return true;
            }
        }
        return false;
    }

    private static ImageException outOfMemory() {
        return new ImageException(
                Problem.OUT_OF_MEMORY,
                "Cannot decode image: it takes more memory than the decoder has; shrink it, or give the decoder more");
    }

    private void requireWithinLimit(long width, long height) throws ImageException {
        if (width < 1 || height < 1) {
            throw ImageException.damaged("%dx%d pixels".formatted(width, height), null);
        }
        if (width * height > maxPixels) {
            throw new ImageException(
                    Problem.TOO_LARGE,
                    "Cannot decode image: %dx%d is %d pixels, over the limit of %d; shrink it, or raise the limit of pixels"
                            .formatted(width, height, width * height, maxPixels));
        }
    }

    private static void load(ImageReader webp) throws DecoderUnavailableException {
        try {
            Libwebp.load(webp);
        } catch (IOException e) {
            throw unavailable(ImageFormat.WEBP, e);
        }
    }

    /** Native readers are unpacked to the temporary folder and run from there. */
    private static DecoderUnavailableException unavailable(ImageFormat format, Throwable cause) {
        return new DecoderUnavailableException(
                Lack.READER,
                "Cannot decode %s: its reader cannot be loaded from %s (%s); set -Djava.io.tmpdir to a folder with space whose files may be run"
                        .formatted(format, System.getProperty("java.io.tmpdir"), cause.getMessage()),
                cause);
    }

    private static ImageReader reader(ImageFormat format) throws DecoderUnavailableException {
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format.imageIoName());
        if (!readers.hasNext()) {
            throw new DecoderUnavailableException(
                    Lack.READER,
                    "Cannot decode %s: no reader on the class path%s"
                            .formatted(
                                    format,
                                    format == ImageFormat.WEBP ? "; add com.github.usefulness:webp-imageio" : ""),
                    null);
        }
        return readers.next();
    }

    private static BufferedImage readFirst(ImageFormat format, ImageReader reader) throws IOException {
        List<String> warnings = new ArrayList<>();
        reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
        BufferedImage image = format == ImageFormat.JPEG ? readJpeg(reader) : reader.read(0);
        for (String warning : warnings) {
            if (DAMAGE.matcher(warning.toLowerCase(Locale.ROOT)).find() && !warning.contains(HARMLESS)) {
                throw ImageException.truncated(warning);
            }
        }
        return image;
    }

    /**
     * Where the reader would give blue, green, red, it is given room for red, green, blue: that is how the rows come, and so
     * they are copied whole and not byte by byte. Colours stay in the file's own profile, if it has one: the reader would
     * convert them row by row, also from sRGB.
     */
    private static BufferedImage readJpeg(ImageReader reader) throws IOException {
        Iterator<ImageTypeSpecifier> types = reader.getImageTypes(0);
        if (types.next().getBufferedImageType() != BufferedImage.TYPE_3BYTE_BGR) {
            return reader.read(0);
        }
        ColorSpace colors = ColorSpace.getInstance(ColorSpace.CS_sRGB);
        while (types.hasNext()) {
            ColorSpace other = types.next().getColorModel().getColorSpace();
            colors = other.getType() == ColorSpace.TYPE_RGB ? other : colors;
        }
        BufferedImage image = ImageTypeSpecifier.createInterleaved(
                        colors, RGB_BANDS, DataBuffer.TYPE_BYTE, false, false)
                .createBufferedImage(reader.getWidth(0), reader.getHeight(0));
        ImageReadParam into = reader.getDefaultReadParam();
        into.setDestination(image);
        return reader.read(0, into);
    }

    /** An animation's first frame where it lies. */
    private RgbImage onCanvas(RgbImage frame, Canvas canvas) throws ImageException {
        if (frame.width() == canvas.width() && frame.height() == canvas.height()) {
            return frame;
        }
        int width = Math.max(canvas.width(), canvas.left() + frame.width());
        int height = Math.max(canvas.height(), canvas.top() + frame.height());
        requireWithinLimit(width, height);
        byte[] pixels = new byte[width * height * CHANNELS];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) (canvas.background() >> (Byte.SIZE * (CHANNELS - 1 - i % CHANNELS)));
        }
        for (int y = 0; y < frame.height(); y++) {
            System.arraycopy(
                    frame.pixels(),
                    y * frame.width() * CHANNELS,
                    pixels,
                    ((canvas.top() + y) * width + canvas.left()) * CHANNELS,
                    frame.width() * CHANNELS);
        }
        return new RgbImage(width, height, pixels);
    }
}
