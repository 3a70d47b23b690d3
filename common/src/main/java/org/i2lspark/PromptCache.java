package org.i2lspark;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.i2lspark.encoder.PromptEmbedding;

/** What the text encoder made of prompts, those that were asked for last. */
final class PromptCache {
    /** In the released model, 235 MB. */
    private static final int MAX_TOKENS = 1 << 14;

    private final Map<String, PromptEmbedding> latestLast = new LinkedHashMap<>(16, 0.75f, true);
    private int tokens;

    Optional<PromptEmbedding> get(String prompt) {
        return Optional.ofNullable(latestLast.get(prompt));
    }

    void put(String prompt, PromptEmbedding embedding) {
        PromptEmbedding before = latestLast.put(prompt, embedding);
        tokens += embedding.tokens() - (before == null ? 0 : before.tokens());
        Iterator<PromptEmbedding> oldest = latestLast.values().iterator();
        while (tokens > MAX_TOKENS) {
            tokens -= oldest.next().tokens();
            oldest.remove();
        }
    }
}
