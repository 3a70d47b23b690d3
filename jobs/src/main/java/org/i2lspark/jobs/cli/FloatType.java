package org.i2lspark.jobs.cli;

import org.i2lspark.torch.ElementType;

/** The float types that can be asked for. */
enum FloatType {
    FLOAT32,
    BFLOAT16;

    ElementType elementType() {
        return ElementType.valueOf(name());
    }
}
