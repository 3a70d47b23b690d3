package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.i2lspark.jobs.storage.ImageSource.ForbiddenException;
import org.i2lspark.jobs.storage.ImageSource.TooManyBytesException;
import org.i2lspark.jobs.storage.Retries.LastingException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WebImagesTest {
    private static final int MAX_BYTES = 1000;

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicInteger requests = new AtomicInteger();
    private final WebImages images = images(600);
    private HttpServer server;

    private static WebImages images(long maxSeconds) {
        return new WebImages(
                MAX_BYTES, maxSeconds, address -> !address.getHostAddress().equals("127.0.0.2"));
    }

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::answer);
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void answer(HttpExchange exchange) throws IOException {
        int request = requests.incrementAndGet();
        String path = exchange.getRequestURI().getPath();
        try (exchange) {
            switch (path) {
                case "/ok" -> send(exchange, 200, 10);
                case "/large" -> send(exchange, 200, MAX_BYTES + 1);
                case "/endless" -> endless(exchange, 0);
                case "/drip" -> endless(exchange, 300);
                case "/busy" -> send(exchange, request < 3 ? 503 : 200, 10);
                case "/down" -> send(exchange, 500, 10);
                case "/forbidden" -> send(exchange, 403, 10);
                case "/moved" -> redirect(exchange, "/ok");
                case "/around" -> redirect(exchange, "/around?" + request);
                case "/inside" ->
                    redirect(
                            exchange,
                            "http://127.0.0.2:%d/ok"
                                    .formatted(server.getAddress().getPort()));
                case "/local" -> redirect(exchange, "file:///etc/passwd");
                default -> send(exchange, 404, 0);
            }
        }
    }

    private static void send(HttpExchange exchange, int status, int bytes) throws IOException {
        exchange.sendResponseHeaders(status, bytes == 0 ? -1 : bytes);
        if (bytes > 0) {
            exchange.getResponseBody().write(new byte[bytes]);
        }
    }

    private static void redirect(HttpExchange exchange, String location) throws IOException {
        exchange.getResponseHeaders().set("Location", location);
        exchange.sendResponseHeaders(302, -1);
    }

    private static void endless(HttpExchange exchange, long pauseMillis) throws IOException {
        exchange.sendResponseHeaders(200, 0);
        OutputStream out = exchange.getResponseBody();
        for (int i = 0; i < 1000; i++) {
            out.write(new byte[pauseMillis == 0 ? 100_000 : 1]);
            out.flush();
            try {
                Thread.sleep(pauseMillis);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private byte[] read(String path) throws IOException {
        return images.read(uri(path));
    }

    private URI uri(String path) {
        return URI.create("http://127.0.0.1:%d%s".formatted(server.getAddress().getPort(), path));
    }

    @Test
    void readsAndFollowsRedirects() throws IOException {
        assertThat(read("/ok")).hasSize(10);
        assertThat(read("/moved")).hasSize(10);
    }

    @Test
    void aServerThatIsBusyIsAskedAgain() throws IOException {
        assertThat(read("/busy")).hasSize(10);
        assertThat(requests).hasValue(3);
        assertThatThrownBy(() -> read("/down")).hasMessageContaining("the server answered 500");
    }

    @Test
    void limitsSizeTimeAndRedirects() {
        assertThatThrownBy(() -> read("/large")).isInstanceOf(TooManyBytesException.class);
        assertThatThrownBy(() -> read("/endless")).isInstanceOf(TooManyBytesException.class);
        assertThatThrownBy(() -> images(1).read(uri("/drip")))
                .isInstanceOf(LastingException.class)
                .hasMessageContaining("more than 1 seconds");
        assertThatThrownBy(() -> read("/around"))
                .isInstanceOf(LastingException.class)
                .hasMessageContaining("redirect");
    }

    @Test
    void saysWhatTheServerSaid() {
        assertThatThrownBy(() -> read("/nowhere")).isInstanceOf(FileNotFoundException.class);
        assertThatThrownBy(() -> read("/forbidden")).hasMessageContaining("the server answered 403");
    }

    @Test
    void redirectsLeadNowhereElse() {
        assertThatThrownBy(() -> read("/inside"))
                .isInstanceOf(ForbiddenException.class)
                .hasMessage("Cannot read image: '127.0.0.2' leads to 127.0.0.2, which is not a public address");
        assertThatThrownBy(() -> read("/local")).isInstanceOf(IOException.class).hasMessageContaining("file");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0.0.0.0",
                "10.1.2.3",
                "100.64.0.1",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.0.1",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.1",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.0.1",
                "198.18.0.1",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "fe80::1",
                "fc00::1",
                "fd12::1",
                "fec0::1",
                "ff02::1",
                "::ffff:10.0.0.1",
                "64:ff9b::a9fe:a9fe",
                "2002:a00:1::1",
                "2001::1",
                "2001:db8::1",
                "100::1",
                "3fff::1"
            })
    void addressesThatAreNotPublic(String address) throws IOException {
        assertThat(WebImages.isPublic(InetAddress.getByName(address))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "1.1.1.1",
                "8.8.8.8",
                "100.63.0.1",
                "100.128.0.1",
                "172.15.0.1",
                "172.32.0.1",
                "192.0.1.1",
                "198.20.0.1",
                "223.255.255.255",
                "2606:4700::1111",
                "2a00:1450::1",
                "64:ff9b::808:808",
                "2002:808:808::1"
            })
    void addressesThatArePublic(String address) throws IOException {
        assertThat(WebImages.isPublic(InetAddress.getByName(address))).isTrue();
    }
}
