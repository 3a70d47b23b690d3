package org.i2lspark.jobs.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/** A command that was run, with what it printed; that Spark starts and how far it is goes without saying. */
public record CommandLineRun(int exitCode, String out, String err) {
    public static CommandLineRun of(Object... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String[] texts = new String[args.length];
        for (int i = 0; i < args.length; i++) {
            texts[i] = args[i].toString();
        }
        int exitCode = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), texts);
        String said = err.toString()
                .replace(SparkOptions.STARTING + System.lineSeparator(), "")
                .replaceAll("(?m)^\\d+/\\d+ styles, .*\\R", "");
        return new CommandLineRun(exitCode, out.toString(), said);
    }
}
