package org.i2lspark.encoder;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;

/**
 * What the text encoder makes of a prompt.
 *
 * @param values row-major {@code [tokens, hiddenSize]}. Not copied, so treat it as read-only.
 */
public record PromptEmbedding(int tokens, float[] values) {
    public PromptEmbedding {
        requireNonNull(values, "values is null");
        if (tokens < 1 || values.length % tokens != 0) {
            throw new IllegalArgumentException(
                    "Invalid prompt embedding: %d values for %d tokens".formatted(values.length, tokens));
        }
    }

    /** Values of a token. */
    public int hiddenSize() {
        return values.length / tokens;
    }

    /** The first tokens, at most this many. */
    public PromptEmbedding first(int count) {
        return count >= tokens ? this : new PromptEmbedding(count, Arrays.copyOf(values, count * hiddenSize()));
    }
}
