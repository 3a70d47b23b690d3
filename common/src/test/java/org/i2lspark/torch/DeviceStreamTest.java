package org.i2lspark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class DeviceStreamTest {
    @Test
    void withoutStreamsThreadsShareOne() {
        assumeThat(Torch.library().isForGpus()).isFalse();
        assertThatCode(() -> DeviceStream.ofThisThread(TorchDevice.gpu(0))).doesNotThrowAnyException();
        assertThatCode(() -> DeviceStream.finish(TorchDevice.gpu(0))).doesNotThrowAnyException();
    }

    @Test
    void theCpuNeedsNone() {
        DeviceStream.ofThisThread(TorchDevice.CPU);
        DeviceStream.finish(TorchDevice.CPU);
        try (TensorScope scope = new TensorScope()) {
            Tensor tensor = Tensors.ofFloats(scope, new float[] {1, 2}, List.of(2L));
            assertThat(tensor.memory().asFloatBuffer().get(1)).isEqualTo(2);
        }
    }
}
