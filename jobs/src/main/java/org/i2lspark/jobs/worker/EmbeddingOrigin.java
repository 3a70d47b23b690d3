package org.i2lspark.jobs.worker;

import java.io.Serializable;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.torch.ElementType;

/**
 * What made embeddings that are decoded now.
 *
 * @param encoders fingerprints of the encoders' checkpoints, by name
 * @param precision in which they computed
 */
public record EmbeddingOrigin(Map<String, String> encoders, ElementType precision) implements Serializable {
    public EmbeddingOrigin {
        encoders = Collections.unmodifiableSortedMap(new TreeMap<>(encoders));
    }
}
