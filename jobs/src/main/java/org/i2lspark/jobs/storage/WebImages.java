package org.i2lspark.jobs.storage;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.function.Predicate;
import org.apache.hc.client5.http.DnsResolver;
import org.apache.hc.client5.http.SystemDefaultDnsResolver;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpStatus;
import org.apache.hc.core5.util.Timeout;
import org.i2lspark.jobs.storage.ImageSource.ForbiddenException;
import org.i2lspark.jobs.storage.Retries.LastingException;

/**
 * Reads images on the web, with limits on size, time and redirects, and only from public addresses: whoever writes a catalog
 * must not reach what only the cluster can. The address is checked when the connection is made, for redirects too, so a
 * name cannot lead elsewhere in between.
 */
final class WebImages {
    private static final int MAX_REDIRECTS = 5;
    private static final Timeout CONNECT = Timeout.ofSeconds(10);
    private static final Timeout SILENCE = Timeout.ofSeconds(20);
    private static final long MAX_SECONDS = 120;
    private static final int CONNECTIONS = 64;

    private final long maxBytes;
    private final long maxSeconds;
    private final CloseableHttpClient client;

    WebImages(long maxBytes, long maxSeconds, Predicate<InetAddress> allowed) {
        this.maxBytes = maxBytes;
        this.maxSeconds = maxSeconds;
        ConnectionConfig connection = ConnectionConfig.custom()
                .setConnectTimeout(CONNECT)
                .setSocketTimeout(SILENCE)
                .build();
        this.client = HttpClients.custom()
                .setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create()
                        .setDnsResolver(new Resolver(allowed))
                        .setDefaultConnectionConfig(connection)
                        .setMaxConnTotal(CONNECTIONS)
                        .setMaxConnPerRoute(CONNECTIONS)
                        .build())
                .setDefaultRequestConfig(RequestConfig.custom()
                        .setMaxRedirects(MAX_REDIRECTS)
                        .setResponseTimeout(SILENCE)
                        .build())
                .setUserAgent("i2l-spark")
                .disableCookieManagement()
                .disableAuthCaching()
                .disableAutomaticRetries()
                .build();
    }

    static WebImages ofPublicAddresses(long maxBytes) {
        return new WebImages(maxBytes, MAX_SECONDS, WebImages::isPublic);
    }

    /** An address that was refused, in the one type of exception that a resolver may throw. */
    private static final class ForbiddenAddressException extends UnknownHostException {
        private static final long serialVersionUID = 1;

        ForbiddenAddressException(String message) {
            super(message);
        }
    }

    private record Resolver(Predicate<InetAddress> allowed) implements DnsResolver {
        @Override
        public InetAddress[] resolve(String host) throws UnknownHostException {
            InetAddress[] addresses = SystemDefaultDnsResolver.INSTANCE.resolve(host);
            for (InetAddress address : addresses) {
                if (!allowed.test(address)) {
                    throw new ForbiddenAddressException("'%s' leads to %s, which is not a public address"
                            .formatted(host, address.getHostAddress()));
                }
            }
            return addresses;
        }

        @Override
        public String resolveCanonicalHostname(String host) throws UnknownHostException {
            return SystemDefaultDnsResolver.INSTANCE.resolveCanonicalHostname(host);
        }
    }

    byte[] read(URI uri) throws IOException {
        return Retries.run(() -> {
            try {
                HttpGet request = new HttpGet(uri);
                return client.execute(request, response -> body(request, response));
            } catch (ForbiddenAddressException e) {
                throw new ForbiddenException("Cannot read image: " + e.getMessage());
            } catch (org.apache.hc.client5.http.ClientProtocolException e) {
                // too many redirects, or to no web address
                String reason =
                        e.getCause() == null ? e.getMessage() : e.getCause().getMessage();
                throw new LastingException("Cannot read image: " + reason);
            }
        });
    }

    private byte[] body(HttpGet request, ClassicHttpResponse response) throws IOException {
        int code = response.getCode();
        if (code == HttpStatus.SC_NOT_FOUND || code == HttpStatus.SC_GONE) {
            throw new FileNotFoundException("the server answered %d %s".formatted(code, response.getReasonPhrase()));
        }
        if (code >= HttpStatus.SC_SERVER_ERROR || code == HttpStatus.SC_TOO_MANY_REQUESTS) {
            throw new IOException("the server answered %d %s".formatted(code, response.getReasonPhrase()));
        }
        if (code != HttpStatus.SC_OK) {
            throw new LastingException(
                    "Cannot read image: the server answered %d %s".formatted(code, response.getReasonPhrase()));
        }
        long deadline = System.nanoTime() + maxSeconds * 1_000_000_000L;
        InputStream in = response.getEntity().getContent();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        byte[] buffer = new byte[1 << 16];
        for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
            bytes.write(buffer, 0, read);
            boolean late = System.nanoTime() > deadline;
            if (late || bytes.size() > maxBytes) {
                // else closing would wait for the rest
                request.cancel();
                throw late
                        ? new LastingException(
                                "Cannot read image: the server took more than %d seconds".formatted(maxSeconds))
                        : ImageSource.tooManyBytes(maxBytes);
            }
        }
        return bytes.toByteArray();
    }

    /** Whether an address is one of the public internet: none of the special ranges of RFC 6890. */
    static boolean isPublic(InetAddress address) {
        if (address.isAnyLocalAddress()
                || address.isLoopbackAddress()
                || address.isLinkLocalAddress()
                || address.isSiteLocalAddress()
                || address.isMulticastAddress()) {
            return false;
        }
        byte[] bytes = address.getAddress();
        if (address instanceof Inet4Address) {
            return isPublic4(bytes, 0);
        }
        return address instanceof Inet6Address && isPublic6(bytes);
    }

    private static boolean isPublic4(byte[] bytes, int start) {
        int first = bytes[start] & 0xFF;
        int second = bytes[start + 1] & 0xFF;
        int third = bytes[start + 2] & 0xFF;
        boolean thisNetwork = first == 0;
        boolean privateUse = first == 10 || (first == 172 && second >> 4 == 1) || (first == 192 && second == 168);
        boolean loopback = first == 127;
        boolean linkLocal = first == 169 && second == 254;
        boolean carrierNat = first == 100 && second >> 6 == 1;
        boolean protocols = first == 192 && second == 0 && (third == 0 || third == 2);
        boolean relay = first == 192 && second == 88 && third == 99;
        boolean benchmark = first == 198 && second >> 1 == 9;
        boolean documentation =
                (first == 198 && second == 51 && third == 100) || (first == 203 && second == 0 && third == 113);
        boolean multicastOrReserved = first >= 224;
        return !(thisNetwork
                || privateUse
                || loopback
                || linkLocal
                || carrierNat
                || protocols
                || relay
                || benchmark
                || documentation
                || multicastOrReserved);
    }

    /** Only 2000::/3 is given out; in it, addresses that wrap one of IPv4 count as that. */
    private static boolean isPublic6(byte[] bytes) {
        int first = (bytes[0] & 0xFF) << 8 | (bytes[1] & 0xFF);
        int second = (bytes[2] & 0xFF) << 8 | (bytes[3] & 0xFF);
        if (first == 0x64 && second == 0xFF9B) {
            return isPublic4(bytes, 12);
        }
        if (first == 0x2002) {
            return isPublic4(bytes, 2);
        }
        boolean teredoOrProtocols = first == 0x2001 && second < 0x200;
        boolean documentation = (first == 0x2001 && second == 0xDB8) || first == 0x3FFF;
        return first >> 13 == 1 && !teredoOrProtocols && !documentation;
    }
}
