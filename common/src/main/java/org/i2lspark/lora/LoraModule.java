package org.i2lspark.lora;

import java.nio.ByteBuffer;

/**
 * The factors of one adapted linear layer, whose weight changes by B·A.
 *
 * @param name of the layer, such as {@code transformer_blocks.0.attn.to_q}
 * @param in inputs of the layer
 * @param out outputs of the layer
 * @param a {@code [rank, in]}, row-major
 * @param b {@code [out, rank]}, row-major
 */
public record LoraModule(String name, long rank, long in, long out, ByteBuffer a, ByteBuffer b) {}
