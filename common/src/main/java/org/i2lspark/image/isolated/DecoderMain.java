package org.i2lspark.image.isolated;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.ImageException.Problem;
import org.i2lspark.image.RgbImage;

/**
 * The process that decodes images for another, one after the other, until its input or that process ends. It
 * says {@value #READY} once it can be asked.
 *
 * <p>A request is {@code long maxPixels, int crops, int size…, int length, bytes}. An answer begins with a byte: {@value
 * #DECODED}, then {@code int width, int height} and each crop's RGB bytes; or {@value #REFUSED}, then {@code UTF problem, UTF message}; or {@value #UNAVAILABLE}, then {@code UTF message}; or {@value #OUT_OF_MEMORY}, with which the process ends.
 */
final class DecoderMain {
    static final int DECODED = 0;
    static final int REFUSED = 1;
    static final int OUT_OF_MEMORY = 2;
    static final int UNAVAILABLE = 3;
    static final int READY = 4;

    private static final int BUFFER_BYTES = 1 << 16;
    private static final long USUAL_HEAP_BYTES = 64 << 20;
    private static final int MAX_MESSAGE_CHARACTERS = 1000;

    private DecoderMain() {}

    /**
     * Answers requests.
     *
     * @param args the id of the process that asks
     */
    public static void main(String[] args) throws IOException {
        endWith(Long.parseLong(args[0]));
        DataInputStream in =
                new DataInputStream(new BufferedInputStream(new FileInputStream(FileDescriptor.in), BUFFER_BYTES));
        DataOutputStream out =
                new DataOutputStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), BUFFER_BYTES));
        // image readers must not print into the answers
        System.setOut(System.err);
        out.write(READY);
        out.flush();
        for (int marker = in.read(); marker >= 0; marker = in.read()) {
            answer(in, out);
            out.flush();
            shrink();
        }
    }

    /** What a large image took is given back; it may be long before the next one. */
    private static void shrink() {
        if (Runtime.getRuntime().totalMemory() > USUAL_HEAP_BYTES) {
            System.gc();
        }
    }

    /** The end of the input is seen only between images, and one may hang. */
    static void endWith(long parent) {
        Thread thread = new Thread(
                () -> {
                    ProcessHandle.of(parent)
                            .ifPresent(process -> process.onExit().join());
                    Runtime.getRuntime().halt(0);
                },
                "i2l-parent-watch");
        thread.setDaemon(true);
        thread.start();
    }

    private static void answer(DataInputStream in, DataOutputStream out) throws IOException {
        try {
            ImageDecoder decoder = new ImageDecoder(in.readLong());
            int[] sizes = new int[in.readInt()];
            for (int i = 0; i < sizes.length; i++) {
                sizes[i] = in.readInt();
            }
            byte[] bytes = new byte[in.readInt()];
            in.readFully(bytes);
            RgbImage image = decoder.decode(bytes);
            List<RgbImage> crops = new ArrayList<>();
            for (int size : sizes) {
                crops.add(CoverCrop.apply(image, size, size));
            }
            out.write(DECODED);
            out.writeInt(image.width());
            out.writeInt(image.height());
            for (RgbImage crop : crops) {
                out.write(crop.pixels());
            }
        } catch (ImageException e) {
            refuse(out, e.problem(), e.getMessage());
        } catch (DecoderUnavailableException e) {
            out.write(UNAVAILABLE);
            out.writeUTF(shortened(e.getMessage()));
        } catch (OutOfMemoryError e) {
            out.write(OUT_OF_MEMORY);
            out.flush();
            Runtime.getRuntime().halt(OUT_OF_MEMORY);
        } catch (StackOverflowError | RuntimeException e) {
            refuse(out, Problem.DAMAGED, "Cannot decode image: " + e);
        }
    }

    private static void refuse(DataOutputStream out, Problem problem, String message) throws IOException {
        out.write(REFUSED);
        out.writeUTF(problem.name());
        out.writeUTF(shortened(message));
    }

    private static String shortened(String message) {
        String text = String.valueOf(message);
        return text.substring(0, Math.min(text.length(), MAX_MESSAGE_CHARACTERS));
    }
}
