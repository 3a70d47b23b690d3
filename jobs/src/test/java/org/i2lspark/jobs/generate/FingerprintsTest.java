package org.i2lspark.jobs.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FingerprintsTest {
    private static final String FINGERPRINT = "0123456789abcdef0123456789abcdef";

    @Test
    void keysKeepReadableNames() {
        assertThat(Fingerprints.objectKey("acme/Big Waves_2", FINGERPRINT))
                .isEqualTo("acme/Big Waves_2-0123456789abcdef.safetensors");
        assertThat(Fingerprints.objectKey("\u6d6e\u4e16\u7d75", FINGERPRINT)).startsWith("\u6d6e\u4e16\u7d75-");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"../../etc/passwd", "/etc/passwd", "a/../../b", "a\\..\\b", "s3a://x/y", ".", "", "//", "a\0b"})
    void keysLeadNowhereElse(String styleId) {
        String key = Fingerprints.objectKey(styleId, FINGERPRINT);
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
        String key = Fingerprints.objectKey("\u6d6e".repeat(500), FINGERPRINT);
        assertThat(key.getBytes(StandardCharsets.UTF_8).length).isLessThan(255);
    }
}
