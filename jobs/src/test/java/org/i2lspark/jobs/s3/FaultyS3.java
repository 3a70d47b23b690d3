package org.i2lspark.jobs.s3;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/** Stands in front of an S3 server and hurts what goes through. */
public final class FaultyS3 implements AutoCloseable {
    static {
        // else each answer waits 40 ms for the client's acknowledgement
        System.setProperty("sun.net.httpserver.nodelay", "true");
    }

    /** The server does not check signatures, so it need not see the host that the client signed for. */
    private static final Set<String> NOT_FORWARDED =
            Set.of("host", "connection", "content-length", "expect", "transfer-encoding");

    private static final long SLOW_MILLIS = 500;

    /** What can happen to a request. */
    public enum Fault {
        NONE,
        /** Answered 500 and not carried out. */
        ERROR_BEFORE,
        /** Carried out and answered 500. */
        ERROR_AFTER,
        /** The connection is cut and the request not carried out. */
        RESET_BEFORE,
        /** Carried out, and the connection is cut before the answer. */
        RESET_AFTER,
        /** Answered late. */
        SLOW,
        /** 503 SlowDown. */
        THROTTLED,
        /** A read gets other bytes of the right number. */
        CORRUPTED,
        /** A read gets half of the bytes that were announced. */
        CUT
    }

    /** A request on its way. */
    public record Request(String method, String path, String query, String range, String ifNoneMatch, int clientPort) {
        /** What it does, in S3's words. */
        public String type() {
            if (method.equals("PUT")) {
                return query.contains("partNumber") ? "UploadPart" : "PutObject";
            }
            if (method.equals("POST")) {
                return query.contains("uploads")
                        ? "CreateMultipartUpload"
                        : query.contains("uploadId") ? "CompleteMultipartUpload" : "DeleteObjects";
            }
            if (method.equals("GET")) {
                return query.contains("list-type") ? "ListObjects" : "GetObject";
            }
            return method.equals("HEAD") ? "HeadObject" : "DeleteObject";
        }
    }

    /** Decides what happens to a request; may do something itself in between. */
    public interface Plan {
        Fault fault(Request request);

        /** Called after the server has carried a request out. */
        default void carriedOut(Request request) {}
    }

    /** An answer of the store in place of the server's. */
    public record Refusal(int status, String code) {}

    private final URI target;
    private final HttpServer server;
    private final Object replacing = new Object();
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, AtomicLong> injected = new ConcurrentSkipListMap<>();
    private volatile Plan plan = request -> Fault.NONE;
    private volatile Function<Request, Optional<Refusal>> refusals = request -> Optional.empty();
    private volatile boolean ignoringConditions;
    private volatile boolean taggingLikeKms;

    public FaultyS3(URI target) throws IOException {
        this.target = target;
        this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 100);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    public URI endpoint() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    public void setPlan(Plan newPlan) {
        this.plan = newPlan;
    }

    /** Nothing is hurt any more. */
    public void reset() {
        plan = request -> Fault.NONE;
        refusals = request -> Optional.empty();
        ignoringConditions = false;
        taggingLikeKms = false;
    }

    /** Requests that are answered otherwise than the server would. */
    public void refuse(Function<Request, Optional<Refusal>> newRefusals) {
        this.refusals = newRefusals;
    }

    /** Like a store that has never heard of {@code If-None-Match}. */
    public void ignoreConditions() {
        ignoringConditions = true;
    }

    /** Objects have tags that look like an MD5 and are none. */
    public void tagLikeKms() {
        taggingLikeKms = true;
    }

    /** How many faults were injected, by kind and type of request. */
    public Map<String, AtomicLong> injected() {
        return injected;
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            URI uri = exchange.getRequestURI();
            Request request = new Request(
                    exchange.getRequestMethod(),
                    uri.getPath(),
                    String.valueOf(uri.getRawQuery()),
                    exchange.getRequestHeaders().getFirst("Range"),
                    exchange.getRequestHeaders().getFirst("If-None-Match"),
                    exchange.getRemoteAddress().getPort());
            Optional<Refusal> refusal = refusals.apply(request);
            if (refusal.isPresent()) {
                refuse(exchange, refusal.get().status, refusal.get().code);
                return;
            }
            Fault fault = plan.fault(request);
            boolean read = request.type().equals("GetObject");
            if ((fault == Fault.CORRUPTED || fault == Fault.CUT) && !read) {
                fault = Fault.NONE;
            }
            if (fault != Fault.NONE) {
                injected.computeIfAbsent(
                                fault.name().toLowerCase(Locale.ROOT) + " " + request.type(),
                                ignored -> new AtomicLong())
                        .incrementAndGet();
            }
            switch (fault) {
                case ERROR_BEFORE -> refuse(exchange, 500, "InternalError");
                case THROTTLED -> refuse(exchange, 503, "SlowDown");
                case RESET_BEFORE -> {}
                case RESET_AFTER -> {
                    forward(exchange, body);
                    plan.carriedOut(request);
                }
                case ERROR_AFTER -> {
                    forward(exchange, body);
                    plan.carriedOut(request);
                    refuse(exchange, 500, "InternalError");
                }
                case SLOW -> {
                    HttpResponse<byte[]> answer = forward(exchange, body);
                    pause();
                    answer(exchange, request, answer, fault);
                }
                case NONE, CORRUPTED, CUT -> {
                    HttpResponse<byte[]> answer = forward(exchange, body);
                    plan.carriedOut(request);
                    answer(exchange, request, answer, fault);
                }
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(SLOW_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private HttpResponse<byte[]> forward(HttpExchange exchange, byte[] body) throws IOException {
        HttpRequest.Builder builder = HttpRequest.newBuilder(target.resolve(rawPath(exchange.getRequestURI())))
                .method(exchange.getRequestMethod(), BodyPublishers.ofByteArray(body));
        exchange.getRequestHeaders().forEach((name, values) -> {
            String header = name.toLowerCase(Locale.ROOT);
            boolean ignored = (ignoringConditions && header.equals("if-none-match"))
                    || (taggingLikeKms && header.equals("if-match"));
            if (!NOT_FORWARDED.contains(header) && !ignored) {
                values.forEach(value -> builder.header(name, value));
            }
        });
        boolean replaces = exchange.getRequestMethod().equals("PUT")
                && exchange.getRequestHeaders().containsKey("If-Match");
        if (replaces) {
            // S3 does such requests one after another; the server here looks first and writes then
            synchronized (replacing) {
                return send(builder.build());
            }
        }
        return send(builder.build());
    }

    private HttpResponse<byte[]> send(HttpRequest request) throws IOException {
        try {
            return client.send(request, BodyHandlers.ofByteArray());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    private static String rawPath(URI uri) {
        return uri.getRawPath() + (uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery());
    }

    private void answer(HttpExchange exchange, Request request, HttpResponse<byte[]> answer, Fault fault)
            throws IOException {
        answer.headers().map().forEach((name, values) -> {
            if (!NOT_FORWARDED.contains(name.toLowerCase(Locale.ROOT))) {
                values.forEach(value -> exchange.getResponseHeaders().add(name, value));
            }
        });
        String type = request.type();
        if (taggingLikeKms && (type.equals("HeadObject") || type.equals("GetObject"))) {
            exchange.getResponseHeaders()
                    .computeIfPresent("ETag", (name, tags) -> List.of("\"" + "0123456789abcdef".repeat(2) + "\""));
        }
        byte[] body = answer.body();
        if (request.method().equals("HEAD")) {
            answer.headers()
                    .firstValue("Content-Length")
                    .ifPresent(length -> exchange.getResponseHeaders().set("Content-Length", length));
            exchange.sendResponseHeaders(answer.statusCode(), -1);
            return;
        }
        if (fault == Fault.CORRUPTED && body.length > 0) {
            body = body.clone();
            for (int i = 0; i < body.length; i += 97) {
                body[i] ^= 0x55;
            }
        }
        exchange.sendResponseHeaders(answer.statusCode(), body.length == 0 ? -1 : body.length);
        int length = fault == Fault.CUT ? body.length / 2 : body.length;
        try (InputStream in = new ByteArrayInputStream(Arrays.copyOf(body, length))) {
            in.transferTo(exchange.getResponseBody());
        }
    }

    private static void refuse(HttpExchange exchange, int status, String code) throws IOException {
        byte[] body =
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>injected</Message></Error>"
                        .formatted(code)
                        .getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/xml");
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(status, -1);
        } else {
            exchange.sendResponseHeaders(status, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
