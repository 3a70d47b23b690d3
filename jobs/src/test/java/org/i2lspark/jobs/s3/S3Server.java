package org.i2lspark.jobs.s3;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.gaul.s3proxy.BlobStores;
import org.gaul.s3proxy.S3Proxy;

/** An S3 server in this JVM, on loopback, that keeps its objects in memory. */
public final class S3Server implements AutoCloseable {
    public static final String BUCKET = "bucket";
    public static final String ACCESS_KEY = "AKIACANARYACCESSKEY1";
    public static final String SECRET_KEY = "canary-secret-key-8f3b1c77d0";

    private final S3Proxy server;

    public S3Server() {
        try {
            // clients of an earlier server, which had the same bucket
            FileSystem.closeAll();
            Properties properties = new Properties();
            properties.setProperty("s3proxy.endpoint", "http://127.0.0.1:0");
            properties.setProperty("s3proxy.authorization", "none");
            S3Proxy.Builder builder = S3Proxy.Builder.fromProperties(properties);
            server = builder.blobStore(BlobStores.create("transient-nio2", new Properties()))
                    .build();
            server.start();
            while (!server.getState().equals("STARTED")) {
                Thread.sleep(5);
            }
            HttpResponse<String> made = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(endpoint().resolve("/" + BUCKET))
                                    .PUT(BodyPublishers.noBody())
                                    .build(),
                            BodyHandlers.ofString());
            if (made.statusCode() != 200) {
                throw new IOException("Cannot make the bucket: " + made.body());
            }
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    public URI endpoint() {
        return URI.create("http://127.0.0.1:" + server.getPort());
    }

    /** Hadoop's settings for a client of this server. */
    public Map<String, String> hadoopSettings() {
        return hadoopSettings(endpoint());
    }

    /** The same through something that stands in front of it. */
    public static Map<String, String> hadoopSettings(URI endpoint) {
        Map<String, String> settings = new TreeMap<>();
        settings.put("fs.s3a.endpoint", endpoint.toString());
        settings.put("fs.s3a.endpoint.region", "us-east-1");
        settings.put("fs.s3a.path.style.access", "true");
        settings.put("fs.s3a.connection.ssl.enabled", "false");
        settings.put("fs.s3a.access.key", ACCESS_KEY);
        settings.put("fs.s3a.secret.key", SECRET_KEY);
        settings.put("fs.s3a.retry.interval", "50ms");
        settings.put("fs.s3a.retry.throttle.interval", "50ms");
        settings.put("fs.s3a.retry.limit", "2");
        settings.put("fs.s3a.attempts.maximum", "1");
        settings.put("fs.s3a.connection.timeout", "60s");
        settings.put("fs.s3a.multipart.size", "5M");
        settings.put("fs.s3a.input.stream.type", "classic");
        settings.put("fs.s3a.bulk.delete.page.size", "5");
        return settings;
    }

    public Configuration configuration() {
        return configuration(endpoint());
    }

    public static Configuration configuration(URI endpoint) {
        Configuration configuration = new Configuration();
        hadoopSettings(endpoint).forEach(configuration::set);
        // each test its own client
        configuration.setBoolean("fs.s3a.impl.disable.cache", true);
        return configuration;
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
