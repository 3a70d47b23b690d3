package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/** What {@code --help} says, of every command. */
class HelpTest {
    private static final int WIDTH = 80;

    static Stream<CommandSpec> commands() {
        return withSubcommands(Main.commandLine());
    }

    private static Stream<CommandSpec> withSubcommands(CommandLine command) {
        return Stream.concat(
                Stream.of(command.getCommandSpec()),
                command.getSubcommands().values().stream().flatMap(HelpTest::withSubcommands));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void fitsATerminal(CommandSpec command) {
        command.usageMessage().autoWidth(false).width(WIDTH);
        assertThat(command.commandLine().getUsageMessage().lines()).allMatch(line -> line.length() <= WIDTH);
    }

    @ParameterizedTest
    @MethodSource("commands")
    void examplesCanBeCopied(CommandSpec command) {
        assertThat(command.usageMessage().footer())
                .filteredOn(line -> line.startsWith("  "))
                .allMatch(line -> line.length() < WIDTH);
    }

    @ParameterizedTest
    @MethodSource("commands")
    void sentencesAreWhole(CommandSpec command) {
        UsageMessageSpec usage = command.usageMessage();
        Stream<String> ofOptions = command.args().stream().flatMap(arg -> Arrays.stream(arg.description()));
        List<String> paragraphs = Stream.concat(Arrays.stream(usage.description()), ofOptions)
                .filter(text -> !text.isEmpty())
                .toList();
        assertThat(paragraphs).isNotEmpty().allMatch(text -> text.endsWith("."));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void listsSubcommandsInWholeSentences(CommandSpec command) {
        String help = command.commandLine().getUsageMessage().replaceAll("\\s+", " ");
        for (CommandLine subcommand : command.subcommands().values()) {
            assertThat(help).contains(subcommand.getCommandSpec().usageMessage().description()[0]);
        }
    }
}
