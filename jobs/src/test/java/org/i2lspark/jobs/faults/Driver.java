package org.i2lspark.jobs.faults;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.i2lspark.jobs.cli.Main;

/** A command in a process of its own, with executors that are processes too, so that all of them can be killed. */
public final class Driver implements AutoCloseable {
    /** Only what hangs takes so long: the tests hold on a machine that is ten times slower. */
    private static final long LIMIT_MINUTES = 40;

    private final Process process;
    private final Path log;

    public Driver(Path folder, Map<String, String> settings, List<String> command) throws IOException {
        String classPath = System.getProperty("java.class.path");
        List<String> args = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx768m",
                "-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile"),
                "-cp",
                classPath,
                Main.class.getName()));
        args.addAll(command);
        settings.forEach((key, value) -> args.addAll(List.of("--conf", key + "=" + value)));
        args.addAll(List.of("--conf", "spark.executor.extraClassPath=" + classPath));
        // an executor that is slow to answer is not lost; one that is killed closes its connection
        args.addAll(List.of("--conf", "spark.network.timeout=" + LIMIT_MINUTES + "m"));
        Files.createDirectories(folder);
        this.log = Files.createTempFile(folder, "driver", ".log");
        ProcessBuilder builder = new ProcessBuilder(args)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .directory(new File(folder.toString()));
        this.process = builder.start();
    }

    /** Waits for the end. */
    public int exitCode() throws IOException {
        try {
            if (!process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                throw new IOException("It takes more than %d minutes:%n%s".formatted(LIMIT_MINUTES, output()));
            }
            return process.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    public String output() throws IOException {
        return Files.readString(log);
    }

    /** SIGKILL. */
    public void kill() {
        process.destroyForcibly();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** Sends a signal, such as {@code INT}. */
    void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                .start()
                .waitFor();
    }

    /** The running executors. */
    public List<ProcessHandle> executors() {
        return process.descendants()
                .filter(handle -> ProcFiles.commandLine(handle.pid()).contains("CoarseGrainedExecutorBackend"))
                .toList();
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
