package org.i2lspark.jobs.bench;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import javax.imageio.ImageIO;

/** An image of a camera's size, the same each time. */
final class MadeUpPhoto {
    private static final int WIDTH = 4000;
    private static final int HEIGHT = 3000;

    private MadeUpPhoto() {}

    /**
     * Writes smooth colours with grain, which compress about as a photo does, as a JPEG.
     *
     * @return the file
     */
    static Path write(Path file) throws IOException {
        Random random = new Random(1);
        BufferedImage photo = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_3BYTE_BGR);
        int[] row = new int[WIDTH];
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                int grain = random.nextInt(24);
                int red = x * 200 / WIDTH + grain;
                int green = y * 200 / HEIGHT + grain;
                int blue = (x / 16 + y / 12) % 200 + grain;
                row[x] = red << 16 | green << 8 | blue;
            }
            photo.setRGB(0, y, WIDTH, 1, row, 0, WIDTH);
        }
        ImageIO.write(photo, "jpeg", file.toFile());
        return file;
    }
}
