package org.i2lspark.encoder;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The fixed prompt around an image: the image-edit template of DiffSynth-Studio with an empty request, as token ids of
 * Qwen2.5-VL's tokenizer.
 *
 * @param before ids in front of the image
 * @param after ids behind the image
 * @param dropped hidden states at the start that are not used
 */
record EditPrompt(List<Integer> before, List<Integer> after, int dropped) {
    static final EditPrompt INSTANCE = load();

    private static EditPrompt load() {
        try (InputStream in = EditPrompt.class.getResourceAsStream("edit_prompt_tokens.json")) {
            JsonNode root = new JsonMapper().readTree(in);
            return new EditPrompt(
                    ids(root.get("before_image")),
                    ids(root.get("after_image")),
                    root.get("drop_idx").asInt());
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot load the edit prompt", e);
        }
    }

    private static List<Integer> ids(JsonNode array) {
        List<Integer> ids = new ArrayList<>();
        array.forEach(id -> ids.add(id.asInt()));
        return List.copyOf(ids);
    }
}
