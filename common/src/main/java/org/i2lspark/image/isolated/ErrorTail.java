package org.i2lspark.image.isolated;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.Charset;
import java.util.ArrayDeque;
import java.util.Deque;

/** The last lines that a process writes to its standard error, read as they come so that it never waits. */
final class ErrorTail {
    private static final int MAX_LINES = 5;
    private static final int MAX_LINE_CHARACTERS = 300;
    private static final long LAST_WORDS_MILLIS = 10_000;

    private final Deque<String> lines = new ArrayDeque<>();
    private final Thread thread;

    ErrorTail(InputStream stderr) {
        thread = new Thread(() -> drain(stderr), "i2l-decoder-errors");
        thread.setDaemon(true);
        thread.start();
    }

    private void drain(InputStream stderr) {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(stderr, Charset.defaultCharset()))) {
            StringBuilder line = new StringBuilder();
            for (int c = reader.read(); c >= 0; c = reader.read()) {
                if (c == '\n') {
                    add(line.toString());
                    line.setLength(0);
                } else if (line.length() < MAX_LINE_CHARACTERS) {
                    line.append((char) c);
                }
            }
            add(line.toString());
        } catch (IOException e) {
            add("(the rest could not be read: " + e.getMessage() + ")");
        }
    }

    private synchronized void add(String line) {
        if (line.isBlank()) {
            return;
        }
        lines.addLast(line.strip());
        if (lines.size() > MAX_LINES) {
            lines.removeFirst();
        }
    }

    /** What an ended process said last, in one line; empty if it said nothing. */
    String ofEndedProcess() {
        try {
            thread.join(LAST_WORDS_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            return String.join(" | ", lines);
        }
    }
}
