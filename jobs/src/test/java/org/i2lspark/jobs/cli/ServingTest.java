package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nights of a brand: what its runs make, what of it is in force, and what is published. */
class ServingTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");
    private static final double NEVER = 2;

    @TempDir
    private static Path models;

    @TempDir
    private Path folder;

    @BeforeAll
    static void writeModels() throws IOException {
        SampleModels.write(models);
    }

    private void image(String from, String style) throws IOException {
        Path to = folder.resolve("catalog/aurora").resolve(style).resolve("0.png");
        Files.createDirectories(to.getParent());
        Files.copy(IMAGES.resolve(from), to, StandardCopyOption.REPLACE_EXISTING);
    }

    private JsonNode generate() throws IOException {
        return new JsonMapper()
                .readTree(CommandLineRun.of(
                                "generate",
                                "--catalog",
                                folder.resolve("catalog"),
                                "--models",
                                models,
                                "--output",
                                folder.resolve("out"),
                                "--rank",
                                "4",
                                "--json")
                        .out());
    }

    /** A run, and what becomes of it. */
    private JsonNode night(String approval, double block) throws IOException {
        generate();
        return publish(approval, block);
    }

    private JsonNode publish(String approval, double block) throws IOException {
        CommandLineRun run = CommandLineRun.of(
                "publish",
                "aurora",
                "--output",
                folder.resolve("out"),
                "--to",
                folder.resolve("served"),
                "--approval",
                approval,
                "--block-drift",
                block,
                "--strength",
                "0.7",
                "--json");
        assertThat(run.exitCode()).isZero();
        return new JsonMapper().readTree(run.out());
    }

    private static List<String> texts(JsonNode list) {
        List<String> texts = new ArrayList<>();
        list.forEach(text -> texts.add(text.asText()));
        return texts;
    }

    private byte[] published(String style) throws IOException {
        return Files.readAllBytes(folder.resolve("served/aurora/" + style + ".safetensors"));
    }

    private CommandLineRun command(String name, String target, Object... more) {
        Object[] args = new Object[more.length + 6];
        System.arraycopy(new Object[] {name, target, "--output", folder.resolve("out"), "--by", "mira"}, 0, args, 0, 6);
        System.arraycopy(more, 0, args, 6, more.length);
        return CommandLineRun.of(args);
    }

    @Test
    void whatIsGoodStaysServedUntilSomethingBetterIsApproved() throws IOException {
        image("0.png", "ink");
        image("1.png", "gold");
        JsonNode first = night("auto", NEVER);
        assertThat(texts(first.get("published"))).containsExactly("aurora/gold", "aurora/ink");
        assertThat(first.get("drift").isNull()).isTrue();
        Path preview = folder.resolve("served/aurora/ink.preview.png");
        assertThat(ImageIO.read(preview.toFile()).getWidth()).isEqualTo(512);
        byte[] ink = published("ink");
        byte[] gold = published("gold");

        Files.write(folder.resolve("catalog/aurora/ink/0.png"), new byte[] {1, 2, 3});
        JsonNode second = night("auto", NEVER);
        assertThat(texts(second.get("published"))).isEmpty();
        assertThat(texts(second.get("stale"))).containsExactly("aurora/ink");
        assertThat(second.get("drift").asDouble()).isLessThan(1e-6);
        assertThat(published("ink")).isEqualTo(ink);

        image("0.png", "ink");
        image("2.png", "gold");
        JsonNode swapped = night("auto", 1e-6);
        assertThat(swapped.get("blocked").asBoolean()).isTrue();
        assertThat(swapped.get("most_moved").fieldNames()).toIterable().containsExactly("aurora/gold");
        assertThat(texts(swapped.get("candidates"))).containsExactly("aurora/gold");
        assertThat(texts(swapped.get("stale"))).containsExactly("aurora/gold");
        assertThat(texts(swapped.get("published"))).isEmpty();
        assertThat(published("gold")).isEqualTo(gold);

        assertThat(command("approve", "aurora/gold").out()).contains("1 LoRAs were published");
        byte[] other = published("gold");
        assertThat(other).isNotEqualTo(gold);
        assertThat(command("approve", "aurora").err()).contains("nothing of it waits for approval");

        assertThat(command("rollback", "aurora/gold").exitCode()).isZero();
        assertThat(published("gold")).isEqualTo(gold);
        assertThat(texts(publish("auto", NEVER).get("candidates"))).containsExactly("aurora/gold");
        assertThat(published("gold")).isEqualTo(gold);

        assertThat(command("rollback", "aurora", "--to", swapped.get("run").asText())
                        .exitCode())
                .isZero();
        assertThat(published("gold")).isEqualTo(other);
        assertThat(command("rollback", "aurora", "--to", "no-such-run").exitCode())
                .isEqualTo(Main.UNUSABLE);
        assertThat(command("rollback", "borealis").err()).contains("Cannot find brand 'borealis'");
        assertThat(published("ink")).isEqualTo(ink);
    }

    @Test
    void whereApprovalIsManualNothingIsServedByItself() throws IOException {
        image("0.png", "ink");
        assertThat(texts(night("manual", NEVER).get("published"))).isEmpty();
        assertThat(texts(publish("manual", NEVER).get("candidates"))).containsExactly("aurora/ink");
        assertThat(folder.resolve("served")).doesNotExist();
        assertThat(command("approve", "aurora").exitCode()).isZero();
        assertThat(published("ink")).isNotEmpty();
    }

    @Test
    void whatWasSupersededGoesUnlessAnAliasNamesIt() throws IOException {
        for (String image : List.of("0.png", "1.png", "2.png")) {
            image(image, "ink");
            night("auto", NEVER);
        }
        List<String> before = loras();
        assertThat(before).hasSize(3);
        String[] vacuum = {"vacuum", "--output", folder.resolve("out").toString(), "--keep-days", "0"};
        assertThat(CommandLineRun.of((Object[]) vacuum).out()).contains("0 superseded LoRAs");
        Object[] strict = {"vacuum", "--output", folder.resolve("out"), "--keep-days", "0", "--keep-versions", "1"};
        // of the two that were superseded one is previous
        assertThat(CommandLineRun.of(strict).out()).contains("1 superseded LoRAs");
        assertThat(loras()).hasSize(2);
        assertThat(CommandLineRun.of("verify", "--output", folder.resolve("out"))
                        .exitCode())
                .isZero();
        assertThat(command("rollback", "aurora").exitCode()).isZero();

        image("0.png", "ink");
        assertThat(generate().get("styles_done").asInt()).isEqualTo(1);
        assertThat(loras()).isEqualTo(before);
        Files.delete(folder.resolve("out/loras").resolve(newest(before)));
        assertThat(CommandLineRun.of("verify", "--output", folder.resolve("out"))
                        .out())
                .contains("missing: 1");
    }

    private String newest(List<String> before) throws IOException {
        String newest = null;
        long time = 0;
        for (String lora : before) {
            long modified = Files.getLastModifiedTime(
                            folder.resolve("out/loras").resolve(lora))
                    .toMillis();
            if (modified > time) {
                time = modified;
                newest = lora;
            }
        }
        return newest;
    }

    private List<String> loras() throws IOException {
        try (Stream<Path> files = Files.walk(folder.resolve("out/loras"))) {
            return files.filter(Files::isRegularFile)
                    .map(file -> folder.resolve("out/loras").relativize(file).toString())
                    .sorted()
                    .toList();
        }
    }
}
