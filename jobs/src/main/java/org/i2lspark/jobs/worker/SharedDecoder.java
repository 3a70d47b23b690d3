package org.i2lspark.jobs.worker;

import java.time.Duration;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.isolated.IsolatedDecoder;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.Advice;
import org.i2lspark.jobs.options.Setting;

/** The decoder of images of this process, for all its tasks. */
final class SharedDecoder {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private static String memory;
    private static IsolatedDecoder decoder;

    private SharedDecoder() {}

    /** The decoder; another one when the setting has changed, which in one process only tests do. */
    static synchronized IsolatedDecoder get() {
        String asked = Setting.DECODER_MEMORY.value();
        if (!asked.equals(memory)) {
            if (decoder != null) {
                decoder.close();
            }
            decoder = new IsolatedDecoder(asked, LIMIT);
            memory = asked;
        }
        return decoder;
    }

    /**
     * Decodes known images.
     *
     * @throws UnusableException if this process can decode none
     */
    static void require() throws UnusableException {
        try {
            get().probe();
        } catch (DecoderUnavailableException e) {
            throw new UnusableException(Advice.on(e), e);
        }
    }
}
