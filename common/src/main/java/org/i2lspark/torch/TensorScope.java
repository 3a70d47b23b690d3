package org.i2lspark.torch;

import ai.djl.pytorch.engine.PtNDManager;

/** Owns tensors: closing the scope frees the native memory of every tensor made in it. */
public final class TensorScope implements AutoCloseable {
    private final PtNDManager manager = Torch.newManager();

    PtNDManager manager() {
        return manager;
    }

    @Override
    public void close() {
        manager.close();
    }
}
