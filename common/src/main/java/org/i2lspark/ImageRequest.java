package org.i2lspark;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;
import org.i2lspark.lora.WeightedLora;

/**
 * An image that is wanted.
 *
 * @param prompt what is to be seen; may be empty
 * @param negativePrompt what is not to be seen, for guidance; empty for {@link #DEFAULT_NEGATIVE_PROMPT}
 * @param seed of the noise that it starts from
 * @param loras that act on it; several add up
 */
public record ImageRequest(String prompt, Optional<String> negativePrompt, long seed, List<WeightedLora> loras) {
    /** What Qwen-Image's authors guide away from: nothing in particular. */
    public static final String DEFAULT_NEGATIVE_PROMPT = " ";

    public ImageRequest {
        requireNonNull(prompt, "prompt is null");
        requireNonNull(negativePrompt, "negativePrompt is null");
        loras = List.copyOf(loras);
    }
}
