package org.i2lspark.djl;

import ai.djl.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.i2lspark.model.I2lModel;
import org.i2lspark.torch.TorchDevice;

/**
 * A model's share in a runner, which all models of the same checkpoints, device and arguments in this process have together. DJL's
 * extension for Spark loads a model in each task and closes none. The last share that is closed closes the runner.
 */
final class RunnerLease implements AutoCloseable {
    private static final Map<Key, Shared> ALL = new HashMap<>();

    private final Shared shared;
    private boolean closed;

    /** What makes two runners the same; checkpoints that were replaced make another. */
    private record Key(Path folder, StackArguments arguments, TorchDevice device, Map<String, String> checkpoints) {}

    private static final class Shared {
        private final Key key;
        private final StackRunner runner;
        private int leases;

        Shared(Key key, StackRunner runner) {
            this.key = key;
            this.runner = runner;
        }
    }

    private RunnerLease(Shared shared) {
        this.shared = shared;
    }

    /**
     * A share in the runner of a folder of checkpoints, which is loaded if nobody has one.
     *
     * @throws IOException if a checkpoint cannot be used, or the device's memory does not hold the stack
     */
    static RunnerLease of(Path folder, StackArguments arguments, Device device, TorchDevice torchDevice)
            throws IOException {
        I2lModel model = I2lModel.inspect(folder, arguments.baseModel(), arguments.variants());
        Key key = new Key(folder.toRealPath(), arguments, torchDevice, model.fingerprints());
        synchronized (ALL) {
            Shared shared = ALL.get(key);
            if (shared == null) {
                shared = new Shared(key, StackRunner.load(model, arguments, torchDevice, device));
                ALL.put(key, shared);
            }
            shared.leases++;
            return new RunnerLease(shared);
        }
    }

    /**
     * The runner.
     *
     * @throws IllegalStateException if this share is closed
     */
    StackRunner runner() {
        synchronized (ALL) {
            if (closed) {
                throw new IllegalStateException("The model is closed");
            }
            return shared.runner;
        }
    }

    /** Gives the share back; of the last, waits for what is being computed and frees the weights. */
    @Override
    public void close() {
        synchronized (ALL) {
            if (closed) {
                return;
            }
            closed = true;
            shared.leases--;
            if (shared.leases > 0) {
                return;
            }
            ALL.remove(shared.key);
        }
        shared.runner.close();
    }
}
