package org.i2lspark.jobs.cli;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.Charset;
import java.util.List;
import java.util.Optional;
import org.apache.spark.SparkException;
import org.i2lspark.Version;
import org.i2lspark.jobs.NativeCodecs;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.bench.BenchCommand;
import org.i2lspark.jobs.bench.BenchPlanCommand;
import org.i2lspark.jobs.generate.StoppedException;
import org.i2lspark.jobs.options.BoundsCheck;
import org.i2lspark.jobs.storage.Secrets;
import org.i2lspark.jobs.storage.StoreProblems;
import org.i2lspark.torch.UnusableLibraryException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line, for {@code scripts/i2l} and {@code spark-submit} alike. */
@Command(
        name = "i2l",
        mixinStandardHelpOptions = true,
        versionProvider = Main.VersionProvider.class,
        description =
                "Turns catalogs of style images into LoRAs for Qwen-Image and Z-Image, with the image-to-LoRA models of DiffSynth-Studio on Apache Spark.",
        subcommands = {
            GenerateCommand.class,
            DecodeCommand.class,
            PreviewsCommand.class,
            ImageToLoraCommand.class,
            ImageCommand.class,
            LoraCommand.class,
            QueryCommand.class,
            PublishCommand.class,
            ApproveCommand.class,
            RollbackCommand.class,
            VerifyCommand.class,
            VacuumCommand.class,
            ManifestCommand.class,
            SampleModelsCommand.class,
            DevicesCommand.class,
            ClusterCommand.class,
            CompletionCommand.class,
            BenchCommand.class,
            BenchPlanCommand.class
        },
        footer = {
            "",
            "'i2l COMMAND --help' says more.",
            "",
            "Exit codes: 0 done, 1 the run broke, 2 it cannot run as asked, 3 done but some styles failed, 4 stopped."
        })
public final class Main {
    static final int BROKEN = 1;
    static final int UNUSABLE = 2;
    static final int STYLES_FAILED = 3;
    static final int STOPPED = 4;

    private Main() {}

    /** Supplies {@code --version}. */
    static final class VersionProvider implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"i2l-spark " + Version.text()};
        }
    }

    public static void main(String[] args) {
        PrintWriter err = writer(System.err);
        Optional<String> problem = Surroundings.problemOfSpark(Main.class.getClassLoader());
        int exitCode;
        if (problem.isPresent()) {
            err.println("Error: " + problem.get());
            exitCode = UNUSABLE;
        } else {
            exitCode = prepareAndRun(writer(System.out), err, args);
        }
        if (exitCode != 0) {
            System.exit(exitCode);
        }
    }

    private static int prepareAndRun(PrintWriter out, PrintWriter err, String... args) {
        try {
            NativeCodecs.unpackWhereExecutable();
            Surroundings.nameOfUnknownUser().ifPresent(Sessions::logIn);
        } catch (UnusableLibraryException e) {
            return Verdict.on(e).tell(err);
        }
        return run(out, err, args);
    }

    private static PrintWriter writer(PrintStream stream) {
        return new PrintWriter(stream, true, Charset.defaultCharset());
    }

    static CommandLine commandLine() {
        return new CommandLine(new Main())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setUsageHelpAutoWidth(true);
    }

    /** Runs a command and returns its exit code. */
    static int run(PrintWriter out, PrintWriter err, String... args) {
        CommandLine commandLine = commandLine()
                .setOut(out)
                .setErr(err)
                .setParameterExceptionHandler(Main::explainUsage)
                .setExecutionStrategy(Main::runWithinBounds)
                .setExecutionExceptionHandler((e, line, parsed) -> explain(e, line));
        if (args.length == 0) {
            commandLine.usage(commandLine.getErr());
            return UNUSABLE;
        }
        return commandLine.execute(args);
    }

    private static int runWithinBounds(ParseResult parsed) {
        for (CommandLine command : parsed.asCommandLineList()) {
            try {
                BoundsCheck.require(command.getCommandSpec());
            } catch (UnusableException e) {
                throw new ExecutionException(command, e.getMessage(), e);
            }
        }
        return new RunLast().execute(parsed);
    }

    /** Says what is wrong with the arguments, a mistyped option before the options that are missing because of it. */
    private static int explainUsage(ParameterException problem, String[] args) {
        CommandLine command = problem.getCommandLine();
        ParameterException told = problem;
        if (problem instanceof MissingParameterException) {
            for (String arg : args) {
                String name = arg.replaceFirst("=.*", "");
                if (name.startsWith("--")
                        && !command.getCommandSpec().optionsMap().containsKey(name)) {
                    told = new UnmatchedArgumentException(command, List.of(name));
                }
            }
        }
        PrintWriter err = command.getErr();
        err.println("Error: " + told.getMessage());
        UnmatchedArgumentException.printSuggestions(told, err);
        err.println("See '" + command.getCommandSpec().qualifiedName() + " --help'.");
        return UNUSABLE;
    }

    private static int explain(Exception problem, CommandLine command) {
        if (Interruption.isUnderWay()) {
            return BROKEN;
        }
        Verdict verdict = Verdict.on(problem);
        ReportOptions.of(command).ifPresent(report -> report.failed(verdict.exitCode(), verdict.message()));
        return verdict.tell(command.getErr());
    }

    /**
     * Why a command did not do what it was to do.
     *
     * @param trace where, if the program is at fault; else empty
     */
    record Verdict(int exitCode, String message, String trace) {
        static Verdict on(Exception problem) {
            Exception e = toldByTask(problem);
            String said = Problems.printableLines(Secrets.redact(Problems.describe(e)));
            if (e instanceof UnusableException
                    || e instanceof UnusableLibraryException
                    || StoreProblems.isMissingStore(e)) {
                return new Verdict(UNUSABLE, said, "");
            }
            if (e instanceof StoppedException) {
                return new Verdict(STOPPED, said, "");
            }
            if (StoreProblems.isFull(e)) {
                return new Verdict(
                        BROKEN,
                        "the run broke: the disk is full or the quota is used up; what was finished is kept: make room and start the run again",
                        "");
            }
            StringWriter trace = new StringWriter();
            e.printStackTrace(new PrintWriter(trace));
            String place = Problems.isBug(e) ? Problems.place(e) : "";
            return new Verdict(BROKEN, "the run broke: " + said + place, Secrets.redact(trace.toString()));
        }

        /** Says it, and gives the exit code. */
        int tell(PrintWriter err) {
            err.println("Error: " + message);
            err.print(trace);
            err.flush();
            return exitCode;
        }
    }

    /** What a task found unusable comes wrapped in what Spark says of the task. */
    private static Exception toldByTask(Exception problem) {
        if (problem instanceof SparkException) {
            for (Throwable cause = problem; cause != null; cause = cause.getCause()) {
                if (cause instanceof UnusableException unusable) {
                    return unusable;
                }
            }
        }
        return problem;
    }
}
