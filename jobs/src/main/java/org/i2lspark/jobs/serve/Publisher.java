package org.i2lspark.jobs.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.BaseModel;

/**
 * Copies of the LoRAs that are current, under names that never change. A LoRA is replaced whole; what lies beside it comes after it
 * and says which LoRA it belongs to, so that a publication that was broken off is completed by the next.
 */
public final class Publisher {
    private static final int MAX_JSON_BYTES = 16 << 20;
    private static final String LORA = ".safetensors";
    private static final String METADATA = ".metadata.json";
    private static final String PREVIEW = ".preview.png";
    private static final JsonMapper JSON = new JsonMapper();

    private final Storage storage;
    private final OutputLayout layout;
    private final Pictures pictures;

    /** Pictures of styles. */
    @FunctionalInterface
    public interface Pictures {
        /** PNG files that show what LoRAs do, or what they are made of, by their styles' ids; some may have none. */
        Map<String, Path> of(Map<String, LoraVersion> versions) throws IOException;
    }

    public Publisher(Storage storage, OutputLayout layout, Pictures pictures) {
        this.storage = storage;
        this.layout = layout;
        this.pictures = pictures;
    }

    /**
     * Publishes what is current of a brand, where it is not yet.
     *
     * @return SHA-256 of what was published now, by the styles' ids
     * @throws UnusableException if two styles would have one name, or a LoRA is no more what was committed
     */
    public Map<String, String> publish(BrandAliases aliases) throws IOException {
        Map<String, String> names = names(aliases);
        Map<String, LoraVersion> coming = new TreeMap<>();
        for (Map.Entry<String, String> name : names.entrySet()) {
            LoraVersion current = aliases.style(name.getValue()).current();
            if (!isPublished(aliases, name.getKey(), name.getValue(), current)) {
                coming.put(name.getValue(), current);
            }
        }
        boolean shows = aliases.publish().stream().anyMatch(place -> place.layout() == PublishPlace.Layout.COMFYUI);
        Map<String, Path> shown = shows && !coming.isEmpty() ? pictures.of(coming) : Map.of();
        Map<String, String> published = new TreeMap<>();
        for (Map.Entry<String, String> name : names.entrySet()) {
            String id = name.getValue();
            if (coming.containsKey(id)) {
                Style style = new Style(id, coming.get(id), aliases.text(id), Optional.ofNullable(shown.get(id)));
                for (PublishPlace place : aliases.publish()) {
                    publish(place, name.getKey(), style);
                }
                published.put(id, style.version.sha256());
            }
        }
        return published;
    }

    private record Style(String id, LoraVersion version, StyleText text, Optional<Path> picture) {}

    private boolean isPublished(BrandAliases aliases, String name, String id, LoraVersion current) throws IOException {
        if (!current.sha256().equals(aliases.published().get(id))) {
            return aliases.publish().isEmpty();
        }
        for (PublishPlace place : aliases.publish()) {
            if (!hasSize(file(place, name), current)) {
                return false;
            }
        }
        return true;
    }

    private static Map<String, String> names(BrandAliases aliases) throws UnusableException {
        Map<String, String> names = new TreeMap<>();
        for (Map.Entry<String, StyleAlias> style : aliases.styles().entrySet()) {
            if (style.getValue().current() != null) {
                String other = names.put(OutputLayout.safeName(style.getKey()), style.getKey());
                if (other != null) {
                    throw new UnusableException(
                            "Cannot publish styles '%s' and '%s': their files would have one name; rename one"
                                    .formatted(other, style.getKey()));
                }
            }
        }
        return names;
    }

    private static Path file(PublishPlace place, String name) {
        return switch (place.layout()) {
            case COMFYUI, PLAIN -> new Path(place.to(), name + LORA);
            case DIFFUSERS -> new Path(place.to(), name + "/pytorch_lora_weights" + LORA);
        };
    }

    private void publish(PublishPlace place, String name, Style style) throws IOException {
        Path from = new Path(layout.output(), style.version.path());
        if (!hasSize(from, style.version)) {
            throw new UnusableException(
                    "Cannot publish %s: it is not the LoRA that was committed; 'i2l verify' says more".formatted(from));
        }
        storage.copy(from, file(place, name));
        if (place.layout() == PublishPlace.Layout.COMFYUI) {
            describe(new Path(place.to(), name), style);
        }
    }

    private boolean hasSize(Path file, LoraVersion version) throws IOException {
        return storage.status(file)
                .filter(status -> status.getLen() == version.bytes())
                .isPresent();
    }

    /** A preview and metadata beside a LoRA. */
    private void describe(Path name, Style style) throws IOException {
        if (style.picture.isPresent()) {
            storage.copy(style.picture.get(), name.suffix(PREVIEW));
        } else {
            storage.delete(name.suffix(PREVIEW));
        }
        Path metadata = name.suffix(METADATA);
        ObjectNode said = said(metadata);
        say(said, name, style);
        byte[] bytes = JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(said);
        storage.replace(metadata, name.getParent(), bytes);
    }

    /** What is there already: a manager keeps there what its users say. */
    private ObjectNode said(Path metadata) throws IOException {
        Optional<FileStatus> status = storage.status(metadata);
        if (status.isEmpty()) {
            return JSON.createObjectNode();
        }
        try {
            JsonNode tree = JSON.readTree(storage.readAll(status.get(), MAX_JSON_BYTES));
            return tree instanceof ObjectNode fields ? fields : JSON.createObjectNode();
        } catch (JsonProcessingException e) {
            // it is written anew
            return JSON.createObjectNode();
        }
    }

    private void say(ObjectNode fields, Path name, Style style) throws IOException {
        LoraVersion version = style.version;
        StyleText text = style.text;
        FileStatus file = storage.status(name.suffix(LORA)).orElseThrow();
        fields.put("file_name", name.getName());
        fields.put("model_name", text.title() == null ? style.id : text.title());
        fields.put("file_path", plain(name.suffix(LORA)));
        fields.put("size", version.bytes());
        fields.put("modified", file.getModificationTime() / 1e3);
        fields.put("sha256", version.sha256());
        fields.put("base_model", BaseModel.of(version.baseModel()).modelSpec().managed());
        fields.put("preview_url", style.picture.isPresent() ? plain(name.suffix(PREVIEW)) : "");
        fields.put("modelDescription", text.description() == null ? "" : text.description());
        fields.put(
                "usage_tips",
                JSON.createObjectNode().put("strength", version.strength()).toString());
        fields.putIfAbsent("preview_nsfw_level", fields.numberNode(0));
        fields.putIfAbsent("notes", fields.textNode(""));
        fields.put("from_civitai", false);
        fields.putIfAbsent("civitai", fields.objectNode());
        fields.putPOJO("tags", text.tags());
    }

    /** A manager knows files of its own machine by their paths. */
    private static String plain(Path file) {
        return "file".equals(file.toUri().getScheme()) || file.toUri().getScheme() == null
                ? file.toUri().getPath()
                : file.toString();
    }
}
