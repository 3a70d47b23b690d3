package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutputLayoutTest {
    private static final String FINGERPRINT = "0123456789abcdef0123456789abcdef";

    @Test
    void keysKeepReadableNames() {
        assertThat(OutputLayout.objectKey("acme/Big Waves_2", FINGERPRINT))
                .isEqualTo("acme/Big Waves_2-0123456789abcdef");
        assertThat(OutputLayout.objectKey("\u6d6e\u4e16\u7d75", FINGERPRINT)).startsWith("\u6d6e\u4e16\u7d75-");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../../etc/passwd",
                "/etc/passwd",
                "a/../../b",
                "a\\..\\b",
                "s3a://x/y",
                ".",
                "",
                "//",
                " ",
                "a\0b"
            })
    void keysLeadNowhereElse(String styleId) {
        String key = OutputLayout.objectKey(styleId, FINGERPRINT);
        assertThat(key)
                .doesNotStartWith("/")
                .doesNotContain("\\")
                .doesNotContain(":")
                .doesNotContain("\0");
        assertThat(Arrays.asList(key.split("/", -1)))
                .noneMatch(segment -> segment.startsWith(".") || segment.isEmpty());
    }

    @Test
    void longNamesFitAFileSystem() {
        String key = OutputLayout.objectKey("\u6d6e".repeat(500), FINGERPRINT);
        assertThat(key.getBytes(StandardCharsets.UTF_8).length).isLessThan(255);
    }

    @Test
    void loraAndReceiptNameEachOther() {
        OutputLayout layout = new OutputLayout("s3a://bucket/out");
        String lora = layout.lora("acme/waves", FINGERPRINT).toString();
        assertThat(lora).isEqualTo("s3a://bucket/out/loras/acme/waves-0123456789abcdef.safetensors");
        String relative = layout.relative(layout.lora("acme/waves", FINGERPRINT));
        assertThat(relative)
                .isEqualTo("loras/acme/waves-0123456789abcdef.safetensors")
                .isEqualTo(layout.relativeLora("acme/waves", FINGERPRINT));
        assertThat(layout.receiptOf(relative)).isEqualTo(layout.receipt("acme/waves", FINGERPRINT));
    }

    @Test
    void whatLiesElsewhereIsNotOfTheOutput() {
        OutputLayout layout = new OutputLayout("file:/data/out");
        assertThatThrownBy(() -> layout.relative(new Path("file:/data/out2/loras/a.safetensors")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("does not lie there");
    }

    @Test
    void rowsOfEarlierVersionsNameTheirLoraWhereverTheOutputWas() {
        String uri = "file:/loras/out/loras/acme/loras/x-0123456789abcdef.safetensors";
        assertThat(OutputLayout.relativeOfUri("acme/loras/x", FINGERPRINT, uri))
                .isEqualTo("loras/acme/loras/x-0123456789abcdef.safetensors");
        assertThat(OutputLayout.relativeOfUri("other", FINGERPRINT, uri)).isNull();
        assertThat(OutputLayout.relativeOfUri("other", null, null)).isNull();
    }
}
