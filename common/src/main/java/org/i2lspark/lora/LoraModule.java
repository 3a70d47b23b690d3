package org.i2lspark.lora;

import java.nio.ByteBuffer;
import org.i2lspark.lora.LoraSource.Shape;

/**
 * The factors of one adapted linear layer as stored elements.
 *
 * @param a {@code [rank, in]}, row-major
 * @param b {@code [out, rank]}, row-major
 */
public record LoraModule(Shape shape, ByteBuffer a, ByteBuffer b) {}
