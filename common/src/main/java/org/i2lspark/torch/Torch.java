package org.i2lspark.torch;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.util.List;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts DJL's PyTorch engine, once per process, with the settings that this project relies on. */
public final class Torch {
    private static final Logger log = LoggerFactory.getLogger(Torch.class);

    private static final String ENGINE = "PyTorch";
    /** Comes with NVIDIA's driver, not with libtorch. */
    private static final String CUDA_DRIVER = "libcuda.so.1";
    /** What libtorch's allocators, and the libraries beneath it, say; DJL keeps no other trace of the type of an error. */
    private static final List<String> OUT_OF_MEMORY = List.of(
            "DefaultCPUAllocator: can't allocate memory",
            "DefaultCPUAllocator: not enough memory",
            "CUDA out of memory",
            "CUDA error: out of memory",
            "CUBLAS_STATUS_ALLOC_FAILED",
            "CUDNN_STATUS_ALLOC_FAILED");

    private static final String THREADS = "ai.djl.pytorch.num_threads";
    private static final boolean THREADS_WERE_GIVEN = System.getProperty(THREADS) != null;

    static {
        setDefault("ai.djl.offline", "true");
        setDefault("ai.djl.pytorch.graph_optimizer", "false");
        // Spark exports OMP_NUM_THREADS=spark.task.cpus, which would leave libtorch a single thread
        setDefault(THREADS, String.valueOf(Runtime.getRuntime().availableProcessors()));
    }

    private static TorchLibrary library;
    private static int usableGpus = -1;

    private Torch() {}

    /**
     * Finds, checks and loads libtorch, once per process. What else this package offers does the same when it is first used.
     *
     * @throws UnusableLibraryException if this process cannot have a libtorch, saying what to do about it
     */
    public static synchronized void requireUsable() throws UnusableLibraryException {
        if (library == null) {
            TorchLibrary found = NativeLibraries.prepare();
            try {
                Engine.getEngine(ENGINE);
            } catch (RuntimeException | LinkageError e) {
                throw notLoaded(found, e);
            }
            library = found;
        }
    }

    static UnusableLibraryException notLoaded(TorchLibrary library, Throwable problem) {
        String reason = rootMessage(problem);
        String advice = reason.contains(CUDA_DRIVER)
                ? "; NVIDIA's driver is not installed here: install it, or unset PYTORCH_LIBRARY_PATH and "
                        + "I2L_GPU_RUNTIME to compute on the CPU"
                : "";
        return new UnusableLibraryException(
                "Cannot load libtorch %s of %s: %s%s".formatted(library.build(), library.folder(), reason, advice),
                problem);
    }

    /**
     * Says with how many threads libtorch computes on the CPU, for each thread that calls it first from now on: each has a pool of
     * its own. A number that the JVM was started with stands.
     */
    public static void useThreads(int threads) {
        engine();
        if (!THREADS_WERE_GIVEN) {
            JniUtils.setNumThreads(threads);
        }
    }

    /** The libtorch that is loaded. */
    public static TorchLibrary library() {
        engine();
        return library;
    }

    private static String rootMessage(Throwable problem) {
        Throwable root = problem;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage()).lines().findFirst().orElse("");
    }

    private static void setDefault(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    static PtNDManager newManager() {
        return (PtNDManager) engine().newBaseManager();
    }

    /** The version of the libtorch that is loaded. */
    public static String version() {
        return library().version();
    }

    /**
     * Whether this process can compute on the GPU of this index: a tensor is made there and converted, which a libtorch that
     * is not built for GPUs of its generation cannot.
     */
    public static boolean gpuIsUsable(int index) {
        TorchDevice gpu = TorchDevice.gpu(index);
        try (TensorScope scope = new TensorScope()) {
            Tensor tensor = Tensors.empty(scope, List.of(1L), ElementType.FLOAT32, gpu);
            Tensors.copy(tensor, Tensors.empty(scope, List.of(1L), ElementType.BFLOAT16, gpu));
            return true;
        } catch (EngineException e) {
            log.info("GPU {} is not usable", index, e);
            return false;
        }
    }

    /** How many GPUs this process can compute on, from the first on; found out once. */
    public static synchronized int usableGpus() {
        if (usableGpus < 0) {
            usableGpus = (int) IntStream.iterate(0, index -> index + 1)
                    .takeWhile(Torch::gpuIsUsable)
                    .count();
        }
        return usableGpus;
    }

    /** Gives memory of a GPU that libtorch keeps for reuse, and that nothing uses, back to it. */
    public static void releaseIdleMemory(TorchDevice device) {
        if (!device.isCpu()) {
            JniUtils.emptyCudaCache();
        }
    }

    /** Whether libtorch or the device could not do what was asked, as when its memory runs out. */
    public static boolean isEngineProblem(Throwable problem) {
        return problem instanceof EngineException || problem instanceof DeviceMemoryException;
    }

    /**
     * Whether libtorch found too little memory, on the CPU or on a GPU, so that less at once may do. The Java heap's
     * {@link OutOfMemoryError} is none of it.
     */
    public static boolean isOutOfMemory(Throwable problem) {
        if (problem instanceof EngineException) {
            String message = String.valueOf(problem.getMessage());
            return OUT_OF_MEMORY.stream().anyMatch(message::contains);
        }
        return problem instanceof DeviceMemoryException;
    }

    /**
     * DJL's PyTorch engine.
     *
     * @throws EngineException if this process can have no libtorch, saying what to do about it
     */
    public static Engine engine() {
        try {
            requireUsable();
        } catch (UnusableLibraryException e) {
            throw new EngineException(e.getMessage(), e);
        }
        return Engine.getEngine(ENGINE);
    }
}
