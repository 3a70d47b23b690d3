package org.i2lspark.diffusion;

import static java.util.Objects.requireNonNull;

import java.util.List;
import org.i2lspark.encoder.PromptEmbedding;
import org.i2lspark.lora.WeightedLora;

/**
 * What the transformer is given beside an image.
 *
 * @param loras that act on it; several add up
 */
public record Conditioning(PromptEmbedding prompt, List<WeightedLora> loras) {
    public Conditioning {
        requireNonNull(prompt, "prompt is null");
        loras = List.copyOf(loras);
    }
}
