package org.i2lspark.djl;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.engine.StandardCapabilities;
import ai.djl.ndarray.NDManager;
import org.i2lspark.Version;
import org.i2lspark.torch.Torch;

/** The engine of models that are folders of checkpoints. Its arrays are those of the PyTorch engine. */
final class I2lEngine extends Engine {
    static final String NAME = "I2L";

    /** DJL takes the engine of the lowest rank for the default one, and none of this rank. */
    static final int RANK = Integer.MAX_VALUE;

    @Override
    public Engine getAlternativeEngine() {
        return Torch.engine();
    }

    @Override
    public String getEngineName() {
        return NAME;
    }

    @Override
    public int getRank() {
        return RANK;
    }

    @Override
    public String getVersion() {
        return Version.text();
    }

    @Override
    public boolean hasCapability(String capability) {
        return StandardCapabilities.CUDA.equals(capability) && Torch.usableGpus() > 0;
    }

    @Override
    public Model newModel(String name, Device device) {
        return new StackModel(name, newBaseManager(device));
    }

    @Override
    public NDManager newBaseManager() {
        return newBaseManager(null);
    }

    @Override
    public NDManager newBaseManager(Device device) {
        return Torch.engine().newBaseManager(device == null ? defaultDevice() : device);
    }
}
