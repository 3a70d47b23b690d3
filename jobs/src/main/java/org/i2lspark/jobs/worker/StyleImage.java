package org.i2lspark.jobs.worker;

import java.io.FileNotFoundException;
import java.io.IOException;
import org.i2lspark.jobs.storage.ImageSource;

/** An image of a style, as those who ask for its LoRA have it. */
public sealed interface StyleImage {
    /** What messages call it. */
    String name();

    /** Whether its bytes are in memory in any case. */
    boolean isHeld();

    /** The bytes of its file. */
    byte[] read(ImageSource source) throws IOException;

    /** An image that is named by its URI. */
    record At(String uri) implements StyleImage {
        @Override
        public String name() {
            return uri;
        }

        @Override
        public boolean isHeld() {
            return false;
        }

        @Override
        public byte[] read(ImageSource source) throws IOException {
            return source.read(uri);
        }
    }

    /** An image file in memory. */
    record Held(String name, byte[] bytes) implements StyleImage {
        @Override
        public boolean isHeld() {
            return true;
        }

        @Override
        public byte[] read(ImageSource source) throws IOException {
            source.requireSize(bytes.length);
            return bytes;
        }
    }

    /** The place of an image in which there is none. */
    record None(String name) implements StyleImage {
        @Override
        public boolean isHeld() {
            return false;
        }

        @Override
        public byte[] read(ImageSource source) throws IOException {
            throw new FileNotFoundException("there is none");
        }
    }
}
