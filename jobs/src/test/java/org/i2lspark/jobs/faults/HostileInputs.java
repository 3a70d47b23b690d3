package org.i2lspark.jobs.faults;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

/** Images and URIs that mean no good, as a catalog of one style each. */
final class HostileInputs {
    private static final JsonMapper JSON = new JsonMapper();

    private final Path folder;
    private final Map<String, String> uris = new LinkedHashMap<>();

    HostileInputs(Path folder) throws IOException {
        this.folder = Files.createDirectories(folder);
    }

    /** Style ids and the URI that each names. */
    Map<String, String> uris() {
        return uris;
    }

    /** Writes a table of all. */
    Path writeCatalog(String goodImage) throws IOException {
        List<String> lines = new ArrayList<>();
        lines.add(line("good", goodImage));
        uris.forEach((style, uri) -> lines.add(line(style, uri)));
        return Files.write(folder.resolve("catalog.jsonl"), lines);
    }

    private static String line(String style, String uri) {
        ObjectNode node = JSON.createObjectNode().put("style_id", style).put("image", uri);
        return node.toString();
    }

    private void file(String name, byte[] bytes) throws IOException {
        Files.write(folder.resolve(name), bytes);
        uris.put("file " + name, name);
    }

    private void uri(String uri) {
        uris.put("uri " + uris.size() + " " + uri, uri);
    }

    HostileInputs addDamagedImages(Path images) throws IOException {
        List<Path> samples;
        try (Stream<Path> files = Files.list(images)) {
            samples = files.filter(file -> file.toString().matches(".*\\.(png|jpg|webp|gif|bmp|tif|tiff)"))
                    // its first frame lies in the first half
                    .filter(file -> !file.toString().matches(".*/(anim|pages)[^/]*"))
                    .sorted()
                    .toList();
        }
        for (Path sample : samples) {
            byte[] bytes = Files.readAllBytes(sample);
            String name = sample.getFileName().toString();
            file("cut-" + name, Arrays.copyOf(bytes, bytes.length / 2));
            file("head-" + name, Arrays.copyOf(bytes, 12));
        }
        return this;
    }

    HostileInputs addWrongTypes() throws IOException {
        file("empty.png", new byte[0]);
        file("one-byte.jpg", new byte[] {(byte) 0xFF});
        file("zeros.png", new byte[100_000]);
        file("text.jpg", "just text".getBytes(UTF_8));
        file("page.png", "<!doctype html><html></html>".getBytes(UTF_8));
        file("vector.png", "<svg xmlns='http://www.w3.org/2000/svg'/>".getBytes(UTF_8));
        file(
                "entities.png",
                "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>"
                        .getBytes(UTF_8));
        file("document.webp", "%PDF-1.7\n".getBytes(UTF_8));
        file("archive.jpg", "PK\u0003\u0004".getBytes(ISO_8859_1));
        file("program.gif", "\u007fELF".getBytes(ISO_8859_1));
        file("class.png", new byte[] {(byte) 0xCA, (byte) 0xFE, (byte) 0xBA, (byte) 0xBE});
        file("serialized.png", new byte[] {(byte) 0xAC, (byte) 0xED, 0, 5, 0x73});
        file("phone.heic", "\0\0\0\u0018ftypheic\0\0\0\0mif1heic".getBytes(ISO_8859_1));
        file("new.avif", "\0\0\0\u0018ftypavif\0\0\0\0mif1avif".getBytes(ISO_8859_1));
        file("photoshop.jpg", "8BPS\0\u0001".getBytes(ISO_8859_1));
        Files.createDirectories(folder.resolve("folder.png"));
        uri("folder.png");
        return this;
    }

    HostileInputs addBombs() throws IOException {
        for (int[] size : new int[][] {
            {60_000, 60_000},
            {1 << 30, 1},
            {Integer.MAX_VALUE, Integer.MAX_VALUE},
            {-1, -1},
            {0, 0},
            {0, 5},
            {13_379, 13_379}
        }) {
            file("dimensions-%dx%d.png".formatted(size[0], size[1]), png(size[0], size[1], 8, 2, new byte[10]));
            file("dimensions-%dx%d.bmp".formatted(size[0], size[1]), bmp(size[0], size[1]));
        }
        for (int[] size : new int[][] {{65_535, 65_535}, {65_535, 1}, {0, 0}}) {
            file("dimensions-%dx%d.gif".formatted(size[0], size[1]), gif(size[0], size[1]));
            file("dimensions-%dx%d.jpg".formatted(size[0], size[1]), jpeg(size[0], size[1]));
        }
        // within the limit of pixels, a few hundred kB, and more memory than a decoder has
        file("deflated.png", png(13_000, 13_000, 16, 6, deflated(13_000L * (13_000 * 8 + 1))));
        return this;
    }

    HostileInputs addForbiddenUris() throws IOException {
        Path outside = Files.createTempFile("outside", ".png");
        Files.createSymbolicLink(folder.resolve("link.png"), outside);
        Files.createSymbolicLink(folder.resolve("endless.png"), Path.of("/dev/zero"));
        Files.createSymbolicLink(folder.resolve("loop.png"), folder.resolve("loop.png"));
        for (String uri : List.of(
                "link.png",
                "endless.png",
                "loop.png",
                "../outside.png",
                "../../../../../../etc/passwd",
                "/etc/passwd",
                "file:///etc/shadow",
                "file:/proc/self/environ",
                "FILE:///etc/passwd",
                "/dev/zero",
                "/dev/random",
                "%2e%2e/%2e%2e/etc/passwd",
                "..\\..\\windows\\win.ini",
                "C:\\windows\\win.ini",
                "http://127.0.0.1/a.png",
                "http://localhost/a.png",
                "http://127.1/a.png",
                "http://2130706433/a.png",
                "http://0x7f000001/a.png",
                "http://0.0.0.0/a.png",
                "http://10.0.0.1/a.png",
                "http://172.16.0.1/a.png",
                "http://192.168.1.1/a.png",
                "http://100.64.0.1/a.png",
                "http://169.254.169.254/latest/meta-data/",
                "http://[::1]/a.png",
                "http://[::]/a.png",
                "http://[::ffff:127.0.0.1]/a.png",
                "http://[::ffff:169.254.169.254]/a.png",
                "http://[fe80::1]/a.png",
                "http://[fd00::1]/a.png",
                "http://[64:ff9b::a00:1]/a.png",
                "http://[2002:7f00:1::]/a.png",
                "http://user:password@example.com/a.png",
                "https://example.com/a.png?X-Amz-Signature=abcdef",
                "https://example.com/a.png?access_token=abcdef",
                "s3a://key:secret@bucket/a.png",
                "http://",
                "http:///a.png",
                "http://exa mple/a.png",
                "http://host:99999/a.png",
                "ftp://example.com/a.png",
                "jar:file:///tmp/a.jar!/a.png",
                "data:image/png;base64,AAAA",
                "javascript:alert(1)",
                "gopher://example.com/",
                "har:///a.har/a.png",
                "viewfs://x/a.png",
                "s3://bucket/a.png",
                "unknown:/a.png",
                ":",
                "//",
                "a:b",
                "a\0b.png",
                "line\nbreak.png",
                "tab\t.png",
                "quote\"'`.png",
                "*.png",
                "{a,b}.png",
                "[a-z].png",
                "$(reboot).png",
                "'; DROP TABLE loras; --",
                "\u202Egnp.png",
                "\uD83C\uDFA8.png",
                "e\u0301.png",
                ".",
                "..",
                "x".repeat(5000) + ".png",
                "d/".repeat(2000) + "a.png")) {
            uri(uri);
        }
        return this;
    }

    /** Ids that would lead elsewhere if they were taken for paths; each has a good image. */
    static List<String> oddStyleIds() {
        return List.of(
                "../../../tmp/x",
                "/etc/passwd",
                "a/../../b",
                "..",
                "s3a://bucket/x",
                "a\nb",
                "\u6D6E\u4E16\u7D75/\uD83C\uDFA8",
                "x".repeat(3000),
                "con",
                "'; DROP TABLE loras; --",
                "a%2f..%2fb");
    }

    private static byte[] png(int width, int height, int depth, int colour, byte[] data) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'});
        ByteArrayOutputStream header = new ByteArrayOutputStream();
        DataOutputStream fields = new DataOutputStream(header);
        fields.writeInt(width);
        fields.writeInt(height);
        fields.write(new byte[] {(byte) depth, (byte) colour, 0, 0, 0});
        chunk(out, "IHDR", header.toByteArray());
        chunk(out, "IDAT", data);
        chunk(out, "IEND", new byte[0]);
        return bytes.toByteArray();
    }

    private static void chunk(DataOutputStream out, String type, byte[] data) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(type.getBytes(ISO_8859_1));
        crc.update(data);
        out.writeInt(data.length);
        out.write(type.getBytes(ISO_8859_1));
        out.write(data);
        out.writeInt((int) crc.getValue());
    }

    private static byte[] deflated(long zeros) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DeflaterOutputStream out = new DeflaterOutputStream(bytes, new Deflater(Deflater.BEST_SPEED))) {
            byte[] block = new byte[1 << 20];
            for (long left = zeros; left > 0; left -= block.length) {
                out.write(block, 0, (int) Math.min(left, block.length));
            }
        }
        return bytes.toByteArray();
    }

    private static byte[] bmp(int width, int height) {
        java.nio.ByteBuffer out = java.nio.ByteBuffer.allocate(60).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        out.put((byte) 'B').put((byte) 'M').putInt(60).putInt(0).putInt(54);
        out.putInt(40).putInt(width).putInt(height).putShort((short) 1).putShort((short) 24);
        return out.array();
    }

    private static byte[] gif(int width, int height) {
        java.nio.ByteBuffer out = java.nio.ByteBuffer.allocate(40).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        out.put("GIF89a".getBytes(ISO_8859_1)).putShort((short) width).putShort((short) height);
        out.put((byte) 0x80).put((byte) 0).put((byte) 0).put(new byte[6]);
        out.put((byte) 0x2C)
                .putShort((short) 0)
                .putShort((short) 0)
                .putShort((short) width)
                .putShort((short) height);
        out.put((byte) 0).put((byte) 2).put((byte) 0).put((byte) 0x3B);
        return out.array();
    }

    private static byte[] jpeg(int width, int height) {
        java.nio.ByteBuffer out = java.nio.ByteBuffer.allocate(30);
        out.putShort((short) 0xFFD8)
                .putShort((short) 0xFFC0)
                .putShort((short) 17)
                .put((byte) 8);
        out.putShort((short) height).putShort((short) width).put((byte) 3);
        for (int i = 1; i <= 3; i++) {
            out.put((byte) i).put((byte) 0x11).put((byte) 0);
        }
        out.putShort((short) 0xFFD9);
        return out.array();
    }
}
