package org.i2lspark.jobs.bench;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import javax.imageio.ImageIO;

/** Images of a photo's sizes, the same each time. */
final class MadeUpPhoto {
    private static final int WIDTH = 4000;
    private static final int HEIGHT = 3000;
    private static final int SMALL_WIDTH = 1500;
    private static final int SMALL_HEIGHT = 1000;

    private MadeUpPhoto() {}

    /**
     * Writes, of a camera's size, smooth colours with grain, which compress about as a photo does, as a JPEG.
     *
     * @return the file
     */
    static Path write(Path file) throws IOException {
        return write(file, WIDTH, HEIGHT);
    }

    /** The same of a size that is usual on the web. */
    static Path writeSmall(Path file) throws IOException {
        return write(file, SMALL_WIDTH, SMALL_HEIGHT);
    }

    private static Path write(Path file, int width, int height) throws IOException {
        Random random = new Random(1);
        BufferedImage photo = new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR);
        int[] row = new int[width];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int grain = random.nextInt(24);
                int red = x * 200 / width + grain;
                int green = y * 200 / height + grain;
                int blue = (x / 16 + y / 12) % 200 + grain;
                row[x] = red << 16 | green << 8 | blue;
            }
            photo.setRGB(0, y, width, 1, row, 0, width);
        }
        ImageIO.write(photo, "jpeg", file.toFile());
        return file;
    }
}
