package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoraCommandTest {
    private static final Path REFERENCE = Path.of(System.getProperty("i2l.reference"));
    private static final Path GROUP = REFERENCE.resolve("lora_style_group.safetensors");
    private static final Path IMAGE = REFERENCE.resolve("lora_style_image0.safetensors");

    @TempDir
    private Path folder;

    @Test
    void inspectTellsWhatIsInAFile() throws IOException {
        CommandLineRun run = CommandLineRun.of("lora", "inspect", GROUP, "--json");
        assertThat(run.exitCode()).isZero();
        JsonNode facts = new JsonMapper().readTree(run.out());
        assertThat(facts.get("rank").asInt()).isEqualTo(12);
        assertThat(facts.get("dtype").asText()).isEqualTo("float32");
        assertThat(facts.get("key_format").asText()).isEqualTo("diffsynth");
        assertThat(facts.get("modules").asInt()).isEqualTo(24);
        assertThat(facts.get("norm_by_block")).hasSize(2);
        assertThat(facts.get("norm_by_layer")).hasSize(12);
        double squares = 0;
        for (JsonNode norm : facts.get("norm_by_module")) {
            squares += norm.asDouble() * norm.asDouble();
        }
        assertThat(facts.get("norm").asDouble()).isCloseTo(Math.sqrt(squares), Offset.offset(1e-6));
        assertThat(CommandLineRun.of("lora", "inspect", GROUP).out())
                .contains("rank        12")
                .contains("attn.to_q");
    }

    @ParameterizedTest
    @ValueSource(strings = {"comfyui", "diffusers", "kohya", "peft"})
    void convertAndBackChangesNothing(String format) throws IOException {
        Path there = folder.resolve(format.equals("peft") ? "adapter" : "there.safetensors");
        Path back = folder.resolve("back.safetensors");
        assertThat(CommandLineRun.of("lora", "convert", GROUP, "--key-format", format, "--output", there)
                        .exitCode())
                .isZero();
        assertThat(CommandLineRun.of("lora", "convert", there, "--key-format", "diffsynth", "--output", back)
                        .exitCode())
                .isZero();
        Map<String, FloatTensor> expected = ReferenceCase.readFloats(GROUP);
        Map<String, FloatTensor> actual = ReferenceCase.readFloats(back);
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, tensor) -> assertThat(actual.get(name).values()).isEqualTo(tensor.values()));
    }

    @Test
    void peftGetsItsConfig() throws IOException {
        Path adapter = folder.resolve("adapter");
        CommandLineRun.of("lora", "convert", GROUP, "--key-format", "peft", "--output", adapter);
        JsonNode config =
                new JsonMapper().readTree(adapter.resolve("adapter_config.json").toFile());
        assertThat(config.get("peft_type").asText()).isEqualTo("LORA");
        assertThat(config.get("r").asInt()).isEqualTo(12);
        assertThat(config.get("lora_alpha").asInt()).isEqualTo(12);
        assertThat(config.get("target_modules")).hasSize(12);
        CommandLineRun file = CommandLineRun.of(
                "lora", "convert", GROUP, "--key-format", "peft", "--output", folder.resolve("x.safetensors"));
        assertThat(file.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(file.err()).contains("expected a folder");
    }

    @Test
    void mergeReduceAndDiffWorkTogether() throws IOException {
        Path merged = folder.resolve("merged.safetensors");
        CommandLineRun merge = CommandLineRun.of(
                "lora", "merge", GROUP, IMAGE, "--strength", "1", "--strength", "0", "--output", merged);
        assertThat(merge.out()).contains("rank 16");
        Path reduced = folder.resolve("reduced.safetensors");
        CommandLineRun reduce = CommandLineRun.of("lora", "reduce", merged, "--rank", "12", "--output", reduced);
        assertThat(reduce.exitCode()).isZero();
        assertThat(reduce.out()).contains("rank 12 (was 16), relative error");
        CommandLineRun diff = CommandLineRun.of("lora", "diff", GROUP, reduced);
        assertThat(diff.out().lines().reduce((first, last) -> last).orElse(""))
                .startsWith("all")
                .contains("1.000000");
        CommandLineRun cheap =
                CommandLineRun.of("lora", "reduce", GROUP, "--max-error", "0.5", "--errors", "--output", reduced);
        assertThat(cheap.out()).contains("transformer_blocks.1.txt_mod.1").contains("relative error");
    }

    @Test
    void refusesWhatCannotBeDone() throws IOException {
        Path note = Files.writeString(folder.resolve("note.safetensors"), "just text, no LoRA");
        Path output = folder.resolve("out.safetensors");
        assertUnusable("Invalid safetensors file", "lora", "inspect", note);
        assertUnusable(
                "no tensor is named as in any of the formats",
                "lora",
                "inspect",
                REFERENCE.resolve("embeddings.safetensors"));
        assertUnusable(
                "expected once or for each",
                "lora",
                "merge",
                GROUP,
                IMAGE,
                GROUP,
                "--strength",
                "1",
                "--strength",
                "1",
                "--output",
                output);
        assertUnusable("--rank", "lora", "reduce", GROUP, "--output", output);
        assertUnusable("expected one of", "lora", "convert", GROUP, "--key-format", "a1111", "--output", output);
        assertUnusable("Invalid rank: 0", "lora", "reduce", GROUP, "--rank", "0", "--output", output);
        assertThat(output).doesNotExist();
    }

    private static void assertUnusable(String message, Object... args) {
        CommandLineRun run = CommandLineRun.of(args);
        assertThat(run.err()).contains(message);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
    }
}
