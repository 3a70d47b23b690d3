package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** What bash makes of the script. */
class CompletionCommandTest {
    /** What a shell does at a tab behind the last of some words. */
    private static final String TAB = """
            source "$0"
            COMP_WORDS=("$@")
            COMP_CWORD=$(($# - 1))
            $(complete -p i2l | sed 's/.*-F \\([^ ]*\\).*/\\1/') 2> /dev/null
            printf '%s\\n' "${COMPREPLY[@]}"
            """;

    @TempDir
    private Path folder;

    private Path script;

    @BeforeEach
    void writeTheScript() throws IOException {
        script = write("bash");
    }

    private Path write(String shell) throws IOException {
        CommandLineRun run = CommandLineRun.of("completion", shell);
        assertThat(run.exitCode()).isZero();
        assertThat(run.err()).isEmpty();
        return Files.writeString(folder.resolve(shell), run.out());
    }

    /** What bash would complete the last word to. */
    private List<String> complete(String... words) throws IOException, InterruptedException {
        return bash(Stream.concat(Stream.of("-c", TAB, script.toString(), "i2l"), Stream.of(words)));
    }

    private static List<String> bash(Stream<String> args) throws IOException, InterruptedException {
        Process bash = new ProcessBuilder(Stream.concat(Stream.of("bash"), args).toList())
                .redirectErrorStream(true)
                .start();
        String output = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(bash.waitFor()).as(output).isZero();
        return output.lines().toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"bash", "zsh"})
    void bashTakesTheScript(String shell) throws IOException, InterruptedException {
        assertThat(bash(Stream.of("-n", write(shell).toString()))).isEmpty();
    }

    @Test
    void completesEachCommandAndItsOptions() throws IOException, InterruptedException {
        for (CommandSpec command : HelpTest.commands().toList()) {
            List<String> path = List.of(command.qualifiedName(" ").split(" "));
            List<String> parents = path.subList(1, path.size());
            assertThat(complete(with(parents, "")))
                    .as(command.qualifiedName())
                    .containsAll(command.subcommands().keySet());
            assertThat(complete(with(parents, "--")))
                    .as(command.qualifiedName())
                    .containsAll(command.options().stream()
                            .map(OptionSpec::longestName)
                            .toList());
        }
    }

    private static String[] with(List<String> words, String last) {
        return Stream.concat(words.stream(), Stream.of(last)).toArray(String[]::new);
    }

    @Test
    void completesWhatIsBegun() throws IOException, InterruptedException {
        assertThat(complete("ver")).containsExactly("verify");
        assertThat(complete("lora", "mer")).containsExactly("merge");
        assertThat(complete("verify", "--rep")).containsExactly("--repair");
    }

    @Test
    void completesValuesAsHelpWritesThem() throws IOException, InterruptedException {
        assertThat(complete("generate", "--precision", "")).containsExactly("auto", "float32", "bfloat16");
        assertThat(complete("generate", "--device", "")).containsExactly("auto", "cpu", "gpu");
        assertThat(complete("completion", "")).contains("bash", "zsh");
    }

    @Test
    void aShellThatCannotIsRefused() {
        CommandLineRun run = CommandLineRun.of("completion", "fish");
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).contains("fish");
    }
}
