package org.i2lspark.tokenizer;

import java.io.IOException;
import java.util.List;

/**
 * What Qwen-Image's text encoder reads: the prompt within a fixed text, tokenized as one. The template and its numbers are
 * those of diffusers' {@code QwenImagePipeline}.
 */
public final class PromptTemplate {
    /** Tokens in front of the prompt; what the text encoder makes of them is not used. */
    public static final int DROPPED_TOKENS = 34;

    /** Of what the text encoder makes of the tokens behind {@link #DROPPED_TOKENS}, this many at most are used. */
    public static final int MAX_EMBEDDINGS = 512;

    private static final int MAX_PROMPT_TOKENS = 1024;

    /** Tokens of a template with a prompt in it, at most. */
    public static final int MAX_TOKENS = DROPPED_TOKENS + MAX_PROMPT_TOKENS;

    private static final String BEFORE = """
            <|im_start|>system
            Describe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of the \
            objects and background:<|im_end|>
            <|im_start|>user
            """;
    private static final String AFTER = "<|im_end|>\n<|im_start|>assistant\n";

    private final QwenTokenizer tokenizer;

    /**
     * The template in the tokens of a tokenizer.
     *
     * @throws IOException if this is not the tokenizer that the template was made for
     */
    public PromptTemplate(QwenTokenizer tokenizer) throws IOException {
        this.tokenizer = tokenizer;
        int tokens = tokenizer.encode(BEFORE).size();
        if (tokens != DROPPED_TOKENS) {
            throw new IOException(("Cannot use the tokenizer: Qwen-Image's prompt template begins with %d of its tokens"
                            + " (expected %d, as with Qwen2.5-VL's)")
                    .formatted(tokens, DROPPED_TOKENS));
        }
    }

    /**
     * The ids of the template with a prompt in it.
     *
     * @throws IllegalArgumentException if the prompt has too many tokens
     */
    public List<Integer> encode(String prompt) {
        List<Integer> ids = tokenizer.encode(BEFORE + prompt + AFTER);
        if (ids.size() > MAX_TOKENS) {
            throw new IllegalArgumentException("Invalid prompt: it makes %d tokens (expected at most %d)"
                    .formatted(ids.size() - DROPPED_TOKENS, MAX_PROMPT_TOKENS));
        }
        return ids;
    }

    /** The text in front of the prompt and the text behind it. */
    static List<String> texts() {
        return List.of(BEFORE, AFTER);
    }
}
