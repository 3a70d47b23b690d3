package org.i2lspark.jobs.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.i2lspark.TextToImage.StepListener;
import org.i2lspark.jobs.generate.ProgressDisplay;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** To whom a command reports: to a person, in words; or to a program, in one JSON document. */
final class ReportOptions {
    /** How wide the terminal is that standard error leads to; scripts/i2l says so, for the JVM cannot tell. */
    private static final String TERMINAL = "i2l.terminal";

    private static final JsonMapper JSON = new JsonMapper();

    @Option(
            names = "--json",
            description =
                    "Print one JSON document on standard output, also of an error, and all else on standard error.")
    private boolean json;

    @Option(names = "--quiet", description = "Print errors only; the document of --json is printed all the same.")
    private boolean quiet;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    private boolean told;

    ReportOptions() {}

    /** For a command that has no such options. */
    ReportOptions(CommandSpec command) {
        this.command = command;
    }

    /** What a command was told; empty for one that has no such options. */
    static Optional<ReportOptions> of(CommandLine command) {
        return command.getCommandSpec().mixins().values().stream()
                .map(CommandSpec::userObject)
                .filter(ReportOptions.class::isInstance)
                .map(ReportOptions.class::cast)
                .findFirst();
    }

    /** For how far the command has come. */
    ProgressDisplay progress() {
        PrintWriter err = command.commandLine().getErr();
        int columns = Integer.getInteger(TERMINAL, 0);
        if (quiet) {
            return ProgressDisplay.none();
        }
        return columns > 0 ? ProgressDisplay.bar(err, columns) : ProgressDisplay.lines(err);
    }

    /**
     * For how far pictures are, of which those from {@code begin} to before {@code end} are made together.
     *
     * @param pictures how many there are in all
     */
    StepListener steps(int begin, int end, int pictures) {
        if (quiet) {
            return (done, steps) -> {};
        }
        String which = pictures == 1 ? "" : "picture %d to %d of %d, ".formatted(begin + 1, end, pictures);
        return new StepLines(command.commandLine().getErr(), which, Integer.getInteger(TERMINAL, 0) > 0);
    }

    /** Tells a person a line of the result; the document takes its place. */
    void say(String line) {
        if (!json) {
            print(command.commandLine().getOut(), line + System.lineSeparator());
        }
    }

    /** Tells a person what is about to be done, in lines that are whole; beside a document on standard error. */
    void announce(String lines) {
        print(json ? command.commandLine().getErr() : command.commandLine().getOut(), lines);
    }

    /** Tells a person what is being done. */
    void note(String line) {
        print(command.commandLine().getErr(), line + System.lineSeparator());
    }

    private void print(PrintWriter writer, String text) {
        if (!quiet) {
            writer.print(text);
            writer.flush();
        }
    }

    /**
     * Tells a program the result; what comes after it is told to persons only.
     *
     * @param facts names in snake case, and values: numbers, texts, truths, lists and maps of them
     */
    void document(Map<String, ?> facts) {
        if (json && !told) {
            told = true;
            PrintWriter out = command.commandLine().getOut();
            out.println(JSON.valueToTree(facts).toPrettyString());
            out.flush();
        }
    }

    /** Tells a program the result, or a person, as was asked for; what nobody hears is not made. */
    void tell(Supplier<Map<String, ?>> document, Runnable words) {
        if (json) {
            document(document.get());
        } else if (!quiet) {
            words.run();
        }
    }

    /** Tells a program why there is no result. */
    void failed(int exitCode, String message) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("exit_code", exitCode);
        facts.put("error", message);
        document(facts);
    }
}
