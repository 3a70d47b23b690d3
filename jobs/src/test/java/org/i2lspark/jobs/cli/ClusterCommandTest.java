package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

class ClusterCommandTest {
    /** Where the script takes an option's value, the default in its declaration. */
    private static final Pattern OPTION = Pattern.compile("(?m)^ +(--[a-z-]+)\\) ");

    private static final Pattern DEFAULT = Pattern.compile("\\b(workers|cores|memory|port)=(\\w+)");

    @Test
    void helpTellsTheOptionsAndDefaultsThatTheScriptHas() throws IOException {
        String script = Files.readString(Path.of("../scripts/cluster"));
        CommandLine start = Main.commandLine()
                .getSubcommands()
                .get("cluster")
                .getSubcommands()
                .get("start");
        List<String> told = start.getCommandSpec().options().stream()
                .map(OptionSpec::longestName)
                .filter(name -> !List.of("--help", "--version").contains(name))
                .toList();
        assertThat(OPTION.matcher(script).results().map(found -> found.group(1)))
                .containsExactlyInAnyOrderElementsOf(told);
        List<MatchResult> defaults = DEFAULT.matcher(script).results().toList();
        assertThat(defaults).hasSize(4);
        for (MatchResult found : defaults) {
            assertThat(start.getCommandSpec().findOption("--" + found.group(1)).description()[0])
                    .endsWith("Default: %s.".formatted(found.group(2)));
        }
    }

    @Test
    void theProgramItselfStartsNone() {
        CommandLineRun run = CommandLineRun.of("cluster", "start", "--workers", 1);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).contains("Cannot start a cluster from within Spark; run scripts/i2l cluster start");
    }
}
