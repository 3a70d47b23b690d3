package org.i2lspark.jobs.options;

import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;

/** In which type the stack is asked to compute. */
public enum PrecisionChoice {
    /** In what suits the device. */
    AUTO,
    FLOAT32,
    BFLOAT16;

    ElementType on(TorchDevice device) {
        return switch (this) {
            case AUTO -> device.isCpu() ? ElementType.FLOAT32 : ElementType.BFLOAT16;
            case FLOAT32 -> ElementType.FLOAT32;
            case BFLOAT16 -> ElementType.BFLOAT16;
        };
    }
}
