package org.i2lspark.jobs.options;

import org.i2lspark.torch.ElementType;

/** The float types that can be asked for. */
public enum FloatType {
    FLOAT32,
    BFLOAT16;

    public ElementType elementType() {
        return ElementType.valueOf(name());
    }
}
