package org.i2lspark.djl;

import ai.djl.BaseModel;
import ai.djl.Device;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.translate.Translator;
import ai.djl.util.PairList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;

/**
 * A folder of checkpoints, loaded. It has no block: what it computes does not begin or end with arrays. Closing it frees the
 * weights once no predictor is at work with them, unless another model has them too.
 */
final class StackModel extends BaseModel {
    private RunnerLease lease;

    StackModel(String name, NDManager manager) {
        super(name);
        this.manager = manager;
        this.dataType = DataType.FLOAT32;
        manager.setName(name);
    }

    /**
     * {@inheritDoc} The folder is laid out as on the hub. What the arguments say is told by properties or options.
     *
     * @throws IOException if a checkpoint is missing, damaged or does not fit the others, or the device cannot be used
     * @throws IllegalArgumentException if an argument is invalid
     */
    @Override
    public void load(Path modelPath, String prefix, Map<String, ?> options) throws IOException {
        if (lease != null) {
            throw new IllegalStateException("The model is loaded already");
        }
        Map<String, Object> arguments = new HashMap<>(properties);
        if (options != null) {
            arguments.putAll(options);
        }
        // not by setModelDir, which goes down into a folder's only folder
        modelDir = modelPath.toAbsolutePath();
        lease = RunnerLease.of(modelDir, StackArguments.of(arguments), manager.getDevice(), device());
        // DJL closes the manager also of a model that nobody closes, when nobody has it any more
        manager.attachInternal("I2L", lease);
        wasLoaded = true;
    }

    private TorchDevice device() throws IOException {
        Device device = manager.getDevice();
        if (!device.isGpu()) {
            return TorchDevice.CPU;
        }
        if (!Torch.gpuIsUsable(device.getDeviceId())) {
            throw new IOException("Cannot use GPU %d: libtorch %s does not find it in this process; see docs/gpu.md"
                    .formatted(device.getDeviceId(), Torch.library().build()));
        }
        return TorchDevice.gpu(device.getDeviceId());
    }

    StackRunner runner() {
        if (lease == null) {
            throw new IllegalStateException("The model is not loaded");
        }
        return lease.runner();
    }

    /**
     * {@inheritDoc}
     *
     * @throws UnsupportedOperationException if the translator is not of {@link I2lTranslatorFactory}, or the device not the
     *     model's
     */
    @Override
    public <I, O> Predictor<I, O> newPredictor(Translator<I, O> translator, Device device) {
        if (!(translator instanceof StackTranslator<I, O> ours)) {
            throw new UnsupportedOperationException(
                    "Not supported! Models of the engine I2L take translators of I2lTranslatorFactory");
        }
        if (!device.equals(manager.getDevice())) {
            throw new UnsupportedOperationException("Not supported! The model is on %s; load it again to have it on %s"
                    .formatted(manager.getDevice(), device));
        }
        return new StackPredictor<>(this, ours, device);
    }

    @Override
    public void setBlock(Block block) {
        throw notSupported();
    }

    @Override
    public void cast(DataType type) {
        throw notSupported();
    }

    @Override
    public PairList<String, Shape> describeInput() {
        throw notSupported();
    }

    @Override
    public PairList<String, Shape> describeOutput() {
        throw notSupported();
    }

    @Override
    public void save(Path modelPath, String newModelName) {
        throw notSupported();
    }

    private static UnsupportedOperationException notSupported() {
        return new UnsupportedOperationException("Not supported!");
    }
}
