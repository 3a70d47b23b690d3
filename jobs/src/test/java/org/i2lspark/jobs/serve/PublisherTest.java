package org.i2lspark.jobs.serve;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.serve.PublishPlace.Layout;
import org.i2lspark.jobs.serve.StyleAlias.Gate;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PublisherTest {
    private static final Instant NOW = Instant.parse("2026-09-01T02:00:00Z");
    private static final String ID = "aurora/ink & gold";

    @TempDir
    private Path folder;

    private Storage storage;
    private OutputLayout layout;
    private AliasFile file;
    private Path published;

    @BeforeEach
    void start() {
        storage = new Storage(new Configuration());
        layout = new OutputLayout(folder.resolve("out").toUri().toString());
        file = new AliasFile(storage, layout, "aurora");
        published = folder.resolve("served");
    }

    private LoraVersion lora(String text) throws IOException {
        byte[] bytes = text.getBytes(UTF_8);
        String path = "loras/aurora/%s.safetensors".formatted(text);
        Path lora = folder.resolve("out").resolve(path);
        Files.createDirectories(lora.getParent());
        Files.write(lora, bytes);
        return new LoraVersion(
                "f-" + text, path, bytes.length, sha256(bytes), 16, "qwen-image", 0.8, "run", null, null);
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private BrandAliases makeCurrent(LoraVersion version, PublishPlace... places) throws IOException {
        return file.update(before -> before.with(
                        List.of(places), Map.of(ID, new StyleText("Ink", "Black and gold.", List.of("ink", "style"))))
                .with(Map.of(ID, before.style(ID).made(version, Gate.OPEN, NOW))));
    }

    private PublishPlace place(Layout layoutThere) {
        return new PublishPlace(published.toString(), layoutThere);
    }

    private Publisher publisher() {
        return new Publisher(storage, layout, versions -> Map.of());
    }

    private void publish(BrandAliases aliases) throws IOException {
        Map<String, String> done = publisher().publish(aliases);
        file.update(before -> before.withPublished(done));
    }

    @Test
    void aManagerFindsTheLoraItsPreviewAndWhatIsSaidOfIt() throws IOException {
        Path picture = Files.write(folder.resolve("picture.png"), new byte[] {1, 2, 3});
        BrandAliases aliases = makeCurrent(lora("first"), place(Layout.COMFYUI));
        Publisher pictured =
                new Publisher(storage, layout, versions -> Map.of(ID, new org.apache.hadoop.fs.Path(picture.toUri())));
        assertThat(pictured.publish(aliases)).containsOnlyKeys(ID);
        Path brand = published.resolve("aurora");
        assertThat(brand.resolve("ink _ gold.safetensors")).hasContent("first");
        assertThat(brand.resolve("ink _ gold.preview.png")).hasBinaryContent(new byte[] {1, 2, 3});
        JsonNode said = new JsonMapper()
                .readTree(brand.resolve("ink _ gold.metadata.json").toFile());
        assertThat(said.get("file_name").asText()).isEqualTo("ink _ gold");
        assertThat(said.get("model_name").asText()).isEqualTo("Ink");
        assertThat(said.get("file_path").asText())
                .isEqualTo(brand.resolve("ink _ gold.safetensors").toString());
        assertThat(said.get("preview_url").asText())
                .isEqualTo(brand.resolve("ink _ gold.preview.png").toString());
        assertThat(said.get("base_model").asText()).isEqualTo("Qwen");
        assertThat(said.get("sha256").asText()).isEqualTo(sha256("first".getBytes(UTF_8)));
        assertThat(said.get("size").asLong()).isEqualTo(5);
        assertThat(said.get("usage_tips").asText()).isEqualTo("{\"strength\":0.8}");
        assertThat(said.get("modelDescription").asText()).isEqualTo("Black and gold.");
        assertThat(said.get("tags")).extracting(JsonNode::asText).containsExactly("ink", "style");
    }

    @Test
    void whatAManagersUserSaidStaysWhenALoraIsReplaced() throws IOException {
        publish(makeCurrent(lora("first"), place(Layout.COMFYUI)));
        Path metadata = published.resolve("aurora/ink _ gold.metadata.json");
        Files.writeString(metadata, "{\"notes\": \"ours\", \"favorite\": true, \"sha256\": \"x\"}");
        publish(makeCurrent(lora("second"), place(Layout.COMFYUI)));
        JsonNode said = new JsonMapper().readTree(metadata.toFile());
        assertThat(said.get("notes").asText()).isEqualTo("ours");
        assertThat(said.get("favorite").asBoolean()).isTrue();
        assertThat(said.get("sha256").asText()).isEqualTo(sha256("second".getBytes(UTF_8)));
    }

    @Test
    void whatIsPublishedIsNotPublishedAgain() throws IOException {
        BrandAliases aliases = makeCurrent(lora("first"), place(Layout.PLAIN), place(Layout.DIFFUSERS));
        publish(aliases);
        assertThat(published.resolve("aurora/ink _ gold.safetensors")).hasContent("first");
        assertThat(published.resolve("aurora/ink _ gold/pytorch_lora_weights.safetensors"))
                .hasContent("first");
        assertThat(publisher().publish(file.read().orElseThrow())).isEmpty();
        Files.delete(published.resolve("aurora/ink _ gold.safetensors"));
        assertThat(publisher().publish(file.read().orElseThrow())).containsOnlyKeys(ID);
        assertThat(published.resolve("aurora/ink _ gold.safetensors")).hasContent("first");
    }

    @Test
    void aLoraThatIsNotWhatWasCommittedIsNotPublished() throws IOException {
        publish(makeCurrent(lora("first"), place(Layout.PLAIN)));
        LoraVersion second = lora("second");
        Files.writeString(folder.resolve("out").resolve(second.path()), "cut");
        BrandAliases aliases = makeCurrent(second, place(Layout.PLAIN));
        assertThatThrownBy(() -> publisher().publish(aliases))
                .hasMessageContaining("it is not the LoRA that was committed");
        assertThat(published.resolve("aurora/ink _ gold.safetensors")).hasContent("first");
    }

    @Test
    void stylesOfOneNameAreRefused() throws IOException {
        LoraVersion lora = lora("first");
        BrandAliases aliases = file.update(before -> before.with(Map.of(
                "aurora/a&b", StyleAlias.NONE.made(lora, Gate.OPEN, NOW),
                "aurora/a+b", StyleAlias.NONE.made(lora, Gate.OPEN, NOW))));
        assertThatThrownBy(() -> publisher().publish(aliases)).hasMessageContaining("their files would have one name");
    }

    /** Dies at any step between commit and publication; the next run makes up for it. */
    @Test
    void thePublishedNameAlwaysHoldsACompleteFileOfACommittedRow() throws IOException {
        Random random = new Random(12);
        List<String> texts = List.of("first", "second", "the third");
        publish(makeCurrent(lora("first"), place(Layout.COMFYUI)));
        for (int i = 0; i < 50; i++) {
            LoraVersion version = lora(texts.get(random.nextInt(3)));
            int killed = random.nextInt(4);
            if (killed > 0) {
                BrandAliases aliases = makeCurrent(version, place(Layout.COMFYUI));
                if (killed == 1) {
                    // after the LoRA, before what lies beside it
                    Publisher dying = new Publisher(
                            storage,
                            layout,
                            versions -> Map.of(
                                    ID,
                                    new org.apache.hadoop.fs.Path(
                                            folder.resolve("none.png").toUri())));
                    assertThatThrownBy(() -> dying.publish(aliases.withPublished(Map.of(ID, "none"))))
                            .hasMessageContaining("none.png");
                } else if (killed == 2) {
                    // before it was written down that it was published
                    publisher().publish(aliases);
                } else {
                    publish(aliases);
                }
            }
            assertThat(Files.readString(published.resolve("aurora/ink _ gold.safetensors")))
                    .isIn(texts);
            publish(file.read().orElseThrow());
            assertThat(published.resolve("aurora/ink _ gold.safetensors"))
                    .hasContent(Files.readString(folder.resolve("out")
                            .resolve(file.read()
                                    .orElseThrow()
                                    .style(ID)
                                    .current()
                                    .path())));
        }
    }

    @Test
    void ofTwoThatChangeAliasesNoneIsLost() throws IOException {
        LoraVersion lora = lora("first");
        BrandAliases after = file.update(before -> {
            if (before.styles().isEmpty()) {
                other(lora);
            }
            return before.with(Map.of(ID, StyleAlias.NONE.made(lora, Gate.OPEN, NOW)));
        });
        assertThat(after.styles()).containsOnlyKeys(ID, "aurora/other");
        assertThat(file.read()).contains(after);
        Files.writeString(folder.resolve("out/aliases/aurora.json"), "{");
        assertThatThrownBy(() -> file.read()).hasMessageContaining("it is damaged");
    }

    private void other(LoraVersion lora) {
        try {
            file.update(before -> before.with(Map.of("aurora/other", StyleAlias.NONE.made(lora, Gate.OPEN, NOW))));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
