package org.i2lspark.image;

import java.awt.Point;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.Raster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;

/**
 * PNG files that say of themselves how they were made, in texts under keywords: {@code tEXt} where Latin-1 has all characters,
 * else {@code iTXt}, which is UTF-8. So does Pillow, which other tools write theirs with. Equal images with equal texts are equal
 * bytes.
 */
public final class PngFile {
    private static final String FORMAT = "javax_imageio_png_1.0";
    private static final long SIGNATURE = 0x89504E470D0A1A0AL;
    private static final int TYPE_BYTES = 4;
    private static final int CHUNK_BYTES = 12;
    private static final int[] RED_GREEN_BLUE = {0, 1, 2};

    private PngFile() {}

    /**
     * An image as a PNG of 8 bits a channel.
     *
     * @param texts by keyword, of 1 to 79 characters of Latin-1
     */
    public static byte[] encode(RgbImage image, Map<String, String> texts) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
        try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
            BufferedImage buffered = buffered(image);
            IIOMetadata metadata = writer.getDefaultImageMetadata(new ImageTypeSpecifier(buffered), null);
            metadata.mergeTree(FORMAT, tree(new TreeMap<>(texts)));
            writer.setOutput(out);
            writer.write(new IIOImage(buffered, null, metadata));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    private static BufferedImage buffered(RgbImage image) {
        ComponentColorModel rgb = new ComponentColorModel(
                ColorSpace.getInstance(ColorSpace.CS_sRGB),
                false,
                false,
                ComponentColorModel.OPAQUE,
                DataBuffer.TYPE_BYTE);
        var raster = Raster.createInterleavedRaster(
                new DataBufferByte(image.pixels(), image.pixels().length),
                image.width(),
                image.height(),
                RgbImage.CHANNELS * image.width(),
                RgbImage.CHANNELS,
                RED_GREEN_BLUE,
                new Point());
        return new BufferedImage(rgb, raster, false, null);
    }

    private static IIOMetadataNode tree(Map<String, String> texts) {
        IIOMetadataNode latin = new IIOMetadataNode("tEXt");
        IIOMetadataNode international = new IIOMetadataNode("iTXt");
        texts.forEach((keyword, text) -> {
            if (StandardCharsets.ISO_8859_1.newEncoder().canEncode(text)) {
                IIOMetadataNode entry = new IIOMetadataNode("tEXtEntry");
                entry.setAttribute("keyword", keyword);
                entry.setAttribute("value", text);
                latin.appendChild(entry);
            } else {
                IIOMetadataNode entry = new IIOMetadataNode("iTXtEntry");
                entry.setAttribute("keyword", keyword);
                entry.setAttribute("compressionFlag", "FALSE");
                entry.setAttribute("compressionMethod", "0");
                entry.setAttribute("languageTag", "");
                entry.setAttribute("translatedKeyword", "");
                entry.setAttribute("text", text);
                international.appendChild(entry);
            }
        });
        IIOMetadataNode root = new IIOMetadataNode(FORMAT);
        for (IIOMetadataNode kind : new IIOMetadataNode[] {latin, international}) {
            if (kind.hasChildNodes()) {
                root.appendChild(kind);
            }
        }
        return root;
    }

    /**
     * The texts of a PNG, of which each chunk is compared with its checksum.
     *
     * @return by keyword; compressed ones are left out, for {@link #encode} writes none
     * @throws ImageException if it is no PNG, or one that is damaged or not whole
     */
    public static Map<String, String> texts(byte[] png) throws ImageException {
        ByteBuffer in = ByteBuffer.wrap(png);
        if (in.remaining() < Long.BYTES || in.getLong() != SIGNATURE) {
            throw ImageException.damaged("it does not begin as a PNG does", null);
        }
        Map<String, String> texts = new TreeMap<>();
        String type = "";
        while (!type.equals("IEND")) {
            int start = in.position();
            int length = in.remaining() < CHUNK_BYTES ? -1 : in.getInt();
            if (length < 0 || length > in.remaining() - 2 * TYPE_BYTES) {
                throw ImageException.truncated("PNG");
            }
            CRC32 crc = new CRC32();
            crc.update(png, in.position(), TYPE_BYTES + length);
            type = text(png, in.position(), TYPE_BYTES, StandardCharsets.US_ASCII);
            int data = in.position() + TYPE_BYTES;
            if ((int) crc.getValue() != in.position(data + length).getInt()) {
                throw ImageException.damaged("wrong checksum in the PNG chunk at byte " + start, null);
            }
            switch (type) {
                case "tEXt" -> putText(texts, png, data, length);
                case "iTXt" -> putInternationalText(texts, png, data, length);
                default -> {}
            }
        }
        if (in.hasRemaining()) {
            throw ImageException.damaged("bytes follow the end of the PNG", null);
        }
        return texts;
    }

    private static void putText(Map<String, String> texts, byte[] png, int data, int length) {
        int keywordEnd = zero(png, data, data + length);
        int start = Math.min(keywordEnd + 1, data + length);
        texts.put(
                text(png, data, keywordEnd - data, StandardCharsets.ISO_8859_1),
                text(png, start, data + length - start, StandardCharsets.ISO_8859_1));
    }

    /** Keyword, zero, compression flag and method, language, zero, keyword in that language, zero, text. */
    private static void putInternationalText(Map<String, String> texts, byte[] png, int data, int length) {
        int end = data + length;
        int keywordEnd = zero(png, data, end);
        int flag = keywordEnd + 1;
        int languageEnd = zero(png, Math.min(flag + 2, end), end);
        int translatedEnd = zero(png, Math.min(languageEnd + 1, end), end);
        if (translatedEnd < end && png[flag] == 0) {
            texts.put(
                    text(png, data, keywordEnd - data, StandardCharsets.ISO_8859_1),
                    text(png, translatedEnd + 1, end - translatedEnd - 1, StandardCharsets.UTF_8));
        }
    }

    private static int zero(byte[] png, int from, int end) {
        int at = from;
        while (at < end && png[at] != 0) {
            at++;
        }
        return at;
    }

    private static String text(byte[] png, int from, int length, Charset charset) {
        return new String(png, from, length, charset);
    }
}
