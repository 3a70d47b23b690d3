package org.i2lspark.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsFileTest {
    private static final String GOOD = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";

    @TempDir
    private Path folder;

    @Test
    void readsTensorsAndMetadata() throws IOException {
        String header =
                "{\"__metadata__\":{\"k\":\"v\"},\"b\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_offsets\":[8,12]},"
                        + "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"extra\":[1,{}]},"
                        + "\"empty\":{\"dtype\":\"I64\",\"shape\":[0,3],\"data_offsets\":[12,12]},"
                        + "\"scalar\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[12,13]}}  ";
        try (SafetensorsFile file = SafetensorsFile.open(write(header, 13))) {
            assertThat(file.metadata()).containsEntry("k", "v").hasSize(1);
            assertThat(file.tensors().keySet()).containsExactly("a", "b", "empty", "scalar");
            assertThat(file.tensors().get("b").shapeText()).isEqualTo("2x2");
            assertThat(file.tensors().get("scalar").shapeText()).isEqualTo("scalar");
            ByteBuffer slice = ByteBuffer.allocateDirect(2);
            file.read("b", 1, slice);
            assertThat(slice.get(0)).isEqualTo((byte) 9);
            assertThat(slice.get(1)).isEqualTo((byte) 10);
        }
    }

    @Test
    void refusesToReadBeyondATensor() throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(write(GOOD, 8))) {
            assertThatThrownBy(() -> file.read("a", 4, ByteBuffer.allocate(5)))
                    .hasMessage("Cannot read 5 bytes at 4 of tensor 'a': it has 8 bytes");
            assertThatThrownBy(() -> file.read("z", 0, ByteBuffer.allocate(1))).hasMessageContaining("tensor 'z'");
        }
    }

    @ParameterizedTest
    @EnumSource
    void readsEveryType(DType dtype) throws IOException {
        int bytes = dtype.bits();
        String header = "{\"a\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%d]}}".formatted(dtype, bytes);
        try (SafetensorsFile file = SafetensorsFile.open(write(header, bytes))) {
            assertThat(file.tensors().get("a").dtype()).isEqualTo(dtype);
            file.read("a", 0, ByteBuffer.allocate(bytes));
        }
    }

    @Test
    void readsBeyondTwoGigabytes() throws IOException {
        long size = 3L << 30;
        String header =
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}}"
                        .formatted(size, size, size, size + 1);
        Path path = write(header, 0);
        try (FileChannel out = FileChannel.open(path, StandardOpenOption.WRITE)) {
            // sparse: takes no space on disk
            out.write(ByteBuffer.wrap(new byte[] {7, 42}), Files.size(path) + size - 1);
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            ByteBuffer last = ByteBuffer.allocate(1);
            file.read("a", size - 1, last);
            assertThat(last.get(0)).isEqualTo((byte) 7);
            last.clear();
            file.read("b", 0, last);
            assertThat(last.get(0)).isEqualTo((byte) 42);
        }
    }

    static Stream<Arguments> malformedHeaders() {
        return Stream.of(
                bad("[]", 0, "not a JSON object"),
                bad("", 0, "not a JSON object"),
                bad("null", 0, "not a JSON object"),
                bad(" " + GOOD, 8, "must begin with '{'"),
                bad("\uFEFF{}", 0, "not a JSON object"),
                bad("{", 0, "not a JSON object"),
                bad("{\"a\":", 0, "not valid JSON"),
                bad("{\"a\":{}", 0, "missing field dtype"),
                bad("{'a':1}", 0, "not valid JSON"),
                bad(GOOD + "x", 8, "junk after the header's JSON object"),
                bad(GOOD + "{}", 8, "junk after the header's JSON object"),
                bad("{\"a\":1}", 0, "tensor 'a': must be an object"),
                bad(tensor("F33", "[2]", "[0,8]"), 8, "tensor 'a': unknown dtype 'F33'"),
                bad("{\"a\":{\"dtype\":3,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype must be a string"),
                bad("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "missing field dtype"),
                bad("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "missing field shape"),
                bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "missing field data_offsets"),
                bad(
                        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                        8,
                        "duplicate field dtype"),
                bad(
                        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}}",
                        8,
                        "duplicate field shape"),
                bad(
                        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"data_offsets\":[0,8]}}",
                        8,
                        "duplicate field data_offsets"),
                bad(
                        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
                        16,
                        "tensor 'a': duplicate tensor"),
                bad(tensor("F32", "2", "[0,8]"), 8, "shape must be an array"),
                bad(tensor("F32", "[\"2\"]", "[0,8]"), 8, "shape must hold numbers only"),
                bad(tensor("F32", "[-2]", "[0,8]"), 8, "shape holds a negative number: -2"),
                bad(tensor("F32", "[-0]", "[0,8]"), 8, "shape holds a negative number: -0"),
                bad(tensor("F32", "[2.0]", "[0,8]"), 8, "shape holds a fractional number: 2.0"),
                bad(tensor("F32", "[2e0]", "[0,8]"), 8, "shape holds a fractional number: 2e0"),
                bad(tensor("F32", "[99999999999999999999]", "[0,8]"), 8, "shape holds an over-range number"),
                bad(tensor("F32", "[2]", "[0]"), 8, "data_offsets must hold two numbers, not 1"),
                bad(tensor("F32", "[2]", "[0,8,8]"), 8, "data_offsets must hold two numbers, not 3"),
                bad(tensor("F32", "[2]", "[0,-8]"), 8, "data_offsets holds a negative number"),
                bad(tensor("F32", "[2]", "[8,0]"), 8, "data_offsets run backwards: [8, 0]"),
                bad(tensor("F32", "[2]", "[0,9]"), 8, "reach past the end of the data, which has 8 bytes"),
                bad(tensor("F32", "[3]", "[0,8]"), 8, "shape 3 of F32 takes 12 bytes"),
                bad(tensor("F32", "[4294967296,4294967296]", "[0,8]"), 8, "overflows"),
                bad(tensor("F4", "[3]", "[0,8]"), 8, "not whole bytes"),
                bad(tensor("F32", "[2]", "[4,12]"), 12, "leaves a hole after 0"),
                bad(twoTensors("[0,8]", "[4,12]"), 12, "overlaps the tensor before it"),
                bad(twoTensors("[0,8]", "[9,17]"), 17, "leaves a hole after 8"),
                bad(GOOD, 9, "1 trailing bytes that belong to no tensor"),
                bad(GOOD, 7, "reach past the end of the data, which has 7 bytes"),
                bad("{}", 1, "1 trailing bytes"),
                bad("{\"__metadata__\":[]}", 0, "__metadata__ must be an object of strings"),
                bad("{\"__metadata__\":{\"k\":1}}", 0, "__metadata__ field 'k' must be a string"),
                bad("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, "duplicate __metadata__ field 'k'"),
                bad("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate field __metadata__"));
    }

    private static Arguments bad(String header, int dataBytes, String message) {
        return Arguments.of(header, dataBytes, message);
    }

    private static String tensor(String dtype, String shape, String offsets) {
        return "{\"a\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}}".formatted(dtype, shape, offsets);
    }

    private static String twoTensors(String first, String second) {
        return "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":%s},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":%s}}"
                .formatted(first, second);
    }

    @ParameterizedTest
    @MethodSource("malformedHeaders")
    void rejectsMalformedHeaders(String header, int dataBytes, String message) throws IOException {
        Path path = write(header, dataBytes);
        assertThatThrownBy(() -> SafetensorsFile.open(path))
                .isInstanceOf(MalformedSafetensorsException.class)
                .hasMessageStartingWith("Invalid safetensors file " + path)
                .hasMessageContaining(message)
                .hasMessageMatching("(?s).*\\(at byte \\d+\\)");
    }

    @Test
    void rejectsFilesUnderEightBytes() throws IOException {
        Path path = Files.write(folder.resolve("short"), new byte[7]);
        assertThatThrownBy(() -> SafetensorsFile.open(path))
                .isInstanceOf(MalformedSafetensorsException.class)
                .hasMessageContaining("it has 7 bytes");
    }

    @Test
    void rejectsHeadersOverTheLimit() throws IOException {
        assertThatThrownBy(() -> SafetensorsFile.open(writeRaw(100_000_001, new byte[10])))
                .hasMessageContaining("header length 100000001 is over the limit of 100000000");
        assertThatThrownBy(() -> SafetensorsFile.open(writeRaw(-1, new byte[10])))
                .hasMessageContaining("header length 18446744073709551615 is over the limit");
    }

    @Test
    void rejectsHeadersPastTheEnd() throws IOException {
        assertThatThrownBy(() -> SafetensorsFile.open(writeRaw(11, new byte[10])))
                .hasMessageContaining("header length 11 reaches past the end of the file, which has 18 bytes");
    }

    @Test
    void rejectsHeadersThatAreNotUtf8() throws IOException {
        byte[] header = "{\"a\":1}".getBytes(StandardCharsets.ISO_8859_1);
        header[2] = (byte) 0xFF;
        assertThatThrownBy(() -> SafetensorsFile.open(writeRaw(header.length, header)))
                .hasMessageContaining("the header is not UTF-8 (at byte 10)");
    }

    @Test
    void rejectsUtf16() throws IOException {
        byte[] header = "{\"a\":1}".getBytes(StandardCharsets.UTF_16LE);
        assertThatThrownBy(() -> SafetensorsFile.open(writeRaw(header.length, header)))
                .hasMessageContaining("not a JSON object");
    }

    @Test
    void damagedHeadersNeverThrowAnythingElse() throws IOException {
        byte[] good = ("{\"__metadata__\":{\"k\":\"v\"}," + GOOD.substring(1)).getBytes(StandardCharsets.UTF_8);
        Random random = new Random(1);
        int rejected = 0;
        for (int i = 0; i < 2000; i++) {
            byte[] header = good.clone();
            header[random.nextInt(header.length)] = (byte) random.nextInt();
            byte[] file = new byte[header.length + 8];
            System.arraycopy(header, 0, file, 0, header.length);
            try (SafetensorsFile opened = SafetensorsFile.open(writeRaw(header.length, file))) {
                assertThat(opened.tensors()).hasSizeLessThanOrEqualTo(2);
            } catch (MalformedSafetensorsException e) {
                rejected++;
            }
        }
        assertThat(rejected).isGreaterThan(1000);
    }

    private Path write(String header, int dataBytes) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream rest = new ByteArrayOutputStream();
        rest.write(json);
        for (int i = 0; i < dataBytes; i++) {
            rest.write(i);
        }
        return writeRaw(json.length, rest.toByteArray());
    }

    private Path writeRaw(long headerLength, byte[] rest) throws IOException {
        ByteBuffer file = ByteBuffer.allocate(8 + rest.length).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(headerLength).put(rest);
        return Files.write(folder.resolve("file.safetensors"), file.array());
    }
}
