package org.i2lspark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import ai.djl.engine.EngineException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TorchTest {
    @Test
    void tooLargeATensorIsOutOfMemory() {
        try (TensorScope scope = new TensorScope()) {
            Throwable problem =
                    catchThrowable(() -> Tensors.empty(scope, List.of(1L << 50), ElementType.FLOAT32, TorchDevice.CPU));
            assertThat(Torch.isOutOfMemory(problem)).as("%s", problem).isTrue();
            assertThat(Torch.isEngineProblem(problem)).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB",
                "The following operation failed in the TorchScript interpreter.\nRuntimeError: CUDA out of memory.",
                "CUDA error: out of memory",
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
            })
    void whatAGpuSaysIsOutOfMemory(String message) {
        assertThat(Torch.isOutOfMemory(new EngineException(message))).isTrue();
    }

    static Stream<Throwable> otherProblems() {
        return Stream.of(
                new EngineException("CUDA error: an illegal memory access was encountered"),
                new EngineException("no kernel image; style 'out of memory'"),
                new EngineException((String) null),
                new IOException("CUDA out of memory"),
                new IllegalStateException("DefaultCPUAllocator: can't allocate memory"),
                new OutOfMemoryError("Java heap space"));
    }

    @ParameterizedTest
    @MethodSource("otherProblems")
    void othersAreNotOutOfMemory(Throwable problem) {
        assertThat(Torch.isOutOfMemory(problem)).isFalse();
        assertThat(Torch.isEngineProblem(problem)).isEqualTo(problem instanceof EngineException);
    }

    @Test
    void aProblemOfTheGraphIsTheEnginesButNotOfMemory() {
        try (TensorScope scope = new TensorScope()) {
            Tensor four = Tensors.empty(scope, List.of(4L), ElementType.FLOAT32, TorchDevice.CPU);
            Throwable problem = catchThrowable(() -> Tensors.flatSlice(scope, four, 0, 5));
            assertThat(Torch.isEngineProblem(problem)).as("%s", problem).isTrue();
            assertThat(Torch.isOutOfMemory(problem)).isFalse();
        }
    }

    @Test
    void aLibraryForGpusNeedsTheirDriver() {
        TorchLibrary library = new TorchLibrary(Path.of("/gpu/lib"), "2.7.1", "cu126");
        assertThat(Torch.notLoaded(library, new UnsatisfiedLinkError("libcuda.so.1: cannot open shared object file")))
                .hasMessage(
                        "Cannot load libtorch 2.7.1+cu126 of /gpu/lib: libcuda.so.1: cannot open shared object file; "
                                + "NVIDIA's driver is not installed here: install it, or unset PYTORCH_LIBRARY_PATH and "
                                + "I2L_GPU_RUNTIME to compute on the CPU");
        assertThat(Torch.notLoaded(library, new UnsatisfiedLinkError("no memory")))
                .hasMessage("Cannot load libtorch 2.7.1+cu126 of /gpu/lib: no memory");
    }
}
