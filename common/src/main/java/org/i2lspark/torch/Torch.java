package org.i2lspark.torch;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.engine.PtNDManager;
import java.util.List;

/** Starts DJL's PyTorch engine, once per process, with the settings that this project relies on. */
public final class Torch {
    private static final String ENGINE = "PyTorch";

    static {
        setDefault("ai.djl.offline", "true");
        setDefault("ai.djl.pytorch.graph_optimizer", "false");
        // Spark exports OMP_NUM_THREADS=spark.task.cpus, which would leave libtorch a single thread
        setDefault(
                "ai.djl.pytorch.num_threads",
                String.valueOf(Runtime.getRuntime().availableProcessors()));
    }

    private Torch() {}

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
        return engine().getVersion();
    }

    /** Whether this process can compute on the GPU of this index: a tensor is made there. */
    public static boolean gpuIsUsable(int index) {
        try (TensorScope scope = new TensorScope()) {
            Tensors.empty(scope, List.of(1L), ElementType.FLOAT32, TorchDevice.gpu(index));
            return true;
        } catch (EngineException e) {
            return false;
        }
    }

    /** Whether libtorch or the device could not do what was asked, as when memory runs out. */
    public static boolean isEngineProblem(Throwable problem) {
        return problem instanceof EngineException;
    }

    private static Engine engine() {
        return Engine.getEngine(ENGINE);
    }
}
