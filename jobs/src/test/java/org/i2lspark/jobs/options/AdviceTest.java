package org.i2lspark.jobs.options;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.DecoderUnavailableException.Lack;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.ImageException.Problem;
import org.junit.jupiter.api.Test;

class AdviceTest {
    @Test
    void namesWhatChangesALimit() {
        assertThat(Advice.on(new ImageException(Problem.TOO_LARGE, "Cannot a"))).isEqualTo("Cannot a (--max-pixels)");
        assertThat(Advice.on(new DecoderUnavailableException(Lack.MEMORY, "Cannot b", null)))
                .startsWith("Cannot b (spark.executor.memory");
    }

    @Test
    void namesTheMemoryOfDecodersWhereThereAreSome() {
        // Spark does not run in this test, as in image-to-lora
        assertThat(Advice.on(new ImageException(Problem.OUT_OF_MEMORY, "Cannot a")))
                .isEqualTo("Cannot a (-Xmx in I2L_JAVA_OPTS)");
        assertThat(Advice.on(new DecoderUnavailableException(Lack.PROCESS, "Cannot b", null)))
                .isEqualTo("Cannot b (-Xmx in I2L_JAVA_OPTS)");
    }

    @Test
    void saysNothingWhereNoOptionHelps() {
        assertThat(Advice.on(new ImageException(Problem.DAMAGED, "Cannot a"))).isEqualTo("Cannot a");
        assertThat(Advice.on(new DecoderUnavailableException(Lack.READER, "Cannot b", null)))
                .isEqualTo("Cannot b");
        assertThat(Advice.on(new IOException())).isEqualTo("java.io.IOException");
    }
}
