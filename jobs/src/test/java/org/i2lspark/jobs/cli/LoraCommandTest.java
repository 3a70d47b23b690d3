package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.i2lspark.jobs.s3.S3Server;
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
        CommandLineRun cheap = CommandLineRun.of(
                "lora", "reduce", GROUP, "--max-error", "0.5", "--errors", "--output", reduced, "--overwrite");
        assertThat(cheap.out()).contains("transformer_blocks.1.txt_mod.1").contains("relative error");
    }

    @Test
    void diffIsToldInJsonToo() throws IOException {
        CommandLineRun run = CommandLineRun.of("lora", "diff", GROUP, GROUP, "--json");
        JsonNode all = new JsonMapper().readTree(run.out()).get("all");
        assertThat(all.get("cosine").asDouble()).isCloseTo(1, Offset.offset(1e-6));
        assertThat(all.get("relative_norm").asDouble()).isCloseTo(0, Offset.offset(1e-6));
    }

    @ParameterizedTest
    @ValueSource(strings = {"merge", "convert", "reduce"})
    void nothingIsOverwrittenUnlessAsked(String command) throws IOException {
        Path output = Files.writeString(folder.resolve("mine.safetensors"), "precious");
        List<Object> args = new ArrayList<>(List.of("lora", command, IMAGE, "--output", output, "--quiet"));
        if (command.equals("reduce")) {
            args.addAll(List.of("--rank", "2"));
        }
        CommandLineRun refused = CommandLineRun.of(args.toArray());
        assertThat(refused.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(refused.err())
                .isEqualTo("Error: Cannot write %s: it exists; give another --output, or --overwrite to replace it%n"
                        .formatted(output));
        assertThat(output).hasContent("precious");
        args.add("--overwrite");
        CommandLineRun run = CommandLineRun.of(args.toArray());
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).isEmpty();
        assertThat(CommandLineRun.of("lora", "inspect", output).exitCode()).isZero();
        assertThat(folder.toFile().list()).containsExactly("mine.safetensors");
    }

    @Test
    void anAdapterFolderIsNotOverwrittenUnlessAsked() throws IOException {
        Path adapter = Files.createDirectories(folder.resolve("adapter"));
        Path config = Files.writeString(adapter.resolve("adapter_config.json"), "{\"r\": 1, \"lora_alpha\": 64}");
        Object[] args = {"lora", "convert", GROUP, "--key-format", "peft", "--output", adapter};
        assertUnusable("adapter_config.json: it exists", args);
        assertThat(config).content().contains("64");
        Object[] overwrite = Arrays.copyOf(args, args.length + 1);
        overwrite[args.length] = "--overwrite";
        assertThat(CommandLineRun.of(overwrite).exitCode()).isZero();
        assertThat(CommandLineRun.of("lora", "diff", GROUP, adapter).out()).containsPattern("all +1.000000 +[0-4]");
    }

    @Test
    void aLoraMayReplaceItself() throws IOException {
        Path lora = Files.copy(IMAGE, folder.resolve("lora.safetensors"));
        assertThat(CommandLineRun.of("lora", "merge", lora, lora, "--output", lora, "--overwrite")
                        .exitCode())
                .isZero();
        assertThat(CommandLineRun.of("lora", "inspect", lora, "--json").out()).contains("\"rank\" : 8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"inspect", "convert", "merge", "reduce", "diff"})
    void aMissingFileIsNamedOnce(String command) {
        Path missing = folder.resolve("no such: file%.safetensors");
        List<Object> args = new ArrayList<>(List.of("lora", command, missing));
        switch (command) {
            case "diff" -> args.add(GROUP);
            case "reduce" -> args.addAll(List.of("--rank", "2", "--output", folder.resolve("out")));
            case "convert", "merge" -> args.addAll(List.of("--output", folder.resolve("out")));
            default -> {}
        }
        CommandLineRun run = CommandLineRun.of(args.toArray());
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).isEqualTo("Error: Cannot open %s: there is no such file or folder%n".formatted(missing));
    }

    @Test
    void whatCannotBeWrittenIsToldInOneLine() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "no folder");
        CommandLineRun run = CommandLineRun.of("lora", "convert", GROUP, "--output", file.resolve("below.safetensors"));
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err().lines()).hasSize(1);
        assertUnusable("expected a file, it is a folder", "lora", "convert", GROUP, "--output", folder);
        assertUnusable("holds credentials", "lora", "inspect", "s3a://me:secret-word@bucket/lora.safetensors");
    }

    @Test
    void lorasMayLieInAStore() throws IOException {
        try (S3Server server = new S3Server()) {
            Path settings = folder.resolve("s3.conf");
            Files.write(
                    settings,
                    server.hadoopSettings().entrySet().stream()
                            .map(setting -> "spark.hadoop.%s %s".formatted(setting.getKey(), setting.getValue()))
                            .toList());
            String root = "s3a://" + S3Server.BUCKET + "/loras/";
            String group = root + "group.safetensors";
            run(with(settings, "convert", GROUP, "--output", group));
            run(with(settings, "convert", group, "--key-format", "peft", "--output", root + "adapter"));
            run(with(settings, "merge", root + "adapter", IMAGE, "--output", root + "merged.safetensors"));
            assertThat(run(with(settings, "diff", group, root + "adapter"))).containsPattern("all +1.000000");
            assertUnusable("group.safetensors: it exists", with(settings, "convert", IMAGE, "--output", group));
            run(with(settings, "reduce", group, "--rank", "3", "--output", group, "--overwrite"));
            assertThat(run(with(settings, "inspect", group))).contains("rank        3");
            assertUnusable("there is no such file or folder", with(settings, "inspect", root + "none.safetensors"));
        }
    }

    private static Object[] with(Path settings, Object... args) {
        List<Object> all = new ArrayList<>(List.of("lora"));
        all.addAll(List.of(args));
        all.addAll(List.of("--properties-file", settings));
        return all.toArray();
    }

    private static String run(Object... args) {
        CommandLineRun run = CommandLineRun.of(args);
        assertThat(run.exitCode()).as(run.err()).isZero();
        return run.out();
    }

    @Test
    void aStoreThatDoesNotAnswerIsToldInOneLine() {
        String nobody = "spark.hadoop.fs.s3a.endpoint=http://127.0.0.1:1";
        for (Object[] args : new Object[][] {
            {"lora", "inspect", "s3a://bucket/lora.safetensors", "--conf", nobody},
            {"lora", "convert", GROUP, "--output", "s3a://bucket/lora.safetensors", "--conf", nobody}
        }) {
            CommandLineRun run = CommandLineRun.of(args);
            assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
            assertThat(run.err()).startsWith("Error: Cannot reach ").contains("s3a://bucket/lora.safetensors");
            assertThat(run.err().lines()).hasSize(1);
        }
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
        assertUnusable("Invalid --rank: 0", "lora", "reduce", GROUP, "--rank", "0", "--output", output);
        assertThat(output).doesNotExist();
    }

    private static void assertUnusable(String message, Object... args) {
        CommandLineRun run = CommandLineRun.of(args);
        assertThat(run.err()).contains(message);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
    }
}
