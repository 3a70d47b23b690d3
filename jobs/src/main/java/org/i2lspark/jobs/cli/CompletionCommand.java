package org.i2lspark.jobs.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code i2l completion}: what makes a shell complete commands and options. */
@Command(
        name = "completion",
        mixinStandardHelpOptions = true,
        description = {"Prints a script that makes a shell complete i2l's commands, options and their values.", ""},
        footer = {
            "",
            "Examples, for ~/.bashrc and ~/.zshrc:",
            "  source <(scripts/i2l completion bash)",
            "  source <(scripts/i2l completion zsh)"
        })
final class CompletionCommand implements Callable<Integer> {
    /** The values of an option, in the script. */
    private static final Pattern CHOICES = Pattern.compile("(?<=_args=)\\(.*\\)");

    @Parameters(paramLabel = "SHELL", description = "bash or zsh.")
    private Shell shell;

    @Spec
    private CommandSpec spec;

    /** Shells that can. */
    enum Shell {
        BASH,
        ZSH;

        private String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Override
    public Integer call() {
        CommandLine i2l = spec.root().commandLine();
        PrintWriter out = spec.commandLine().getOut();
        // the same script for both: when it is read, it sees which shell reads it
        String script = AutoComplete.bash(i2l.getCommandName(), i2l).replaceFirst("env bash", "env " + shell.id());
        out.print(CHOICES.matcher(script).replaceAll(CompletionCommand::asWritten));
        out.flush();
        return 0;
    }

    private static String asWritten(MatchResult choices) {
        return choices.group().toLowerCase(Locale.ROOT);
    }
}
