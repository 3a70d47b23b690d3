package org.i2lspark.torch;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Owns tensors: closing the scope frees the native memory of every tensor made in it. */
public final class TensorScope implements AutoCloseable {
    private final PtNDManager manager = Torch.newManager();
    /** The elements that each tensor takes up; none for a view. */
    private final Map<Tensor, Long> owned = new ConcurrentHashMap<>();

    PtNDManager manager() {
        return manager;
    }

    /** Takes a tensor with memory of its own, made by this scope's manager. */
    Tensor own(PtNDArray array) {
        return own(array, array.getShape().size());
    }

    /** Takes a tensor that shows the memory of another. */
    Tensor ownView(PtNDArray array) {
        return own(array, 0);
    }

    private Tensor own(PtNDArray array, long elements) {
        Tensor tensor = new Tensor(array, this);
        owned.put(tensor, elements);
        NativeMemory.taken(elements);
        return tensor;
    }

    void forget(Tensor tensor) {
        Long elements = owned.remove(tensor);
        if (elements != null) {
            NativeMemory.freed(elements);
        }
    }

    @Override
    public void close() {
        manager.close();
        owned.keySet().forEach(this::forget);
    }
}
