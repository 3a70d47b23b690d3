package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SecretsTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "s3a://AKIA:canary@bucket/x",
                "S3A://AKIA:canary@bucket",
                "https://canary@example.com/a.png",
                "https://example.com/a.png?x=1&X-Amz-Signature=canary",
                "https://example.com/a?sig=canary",
                "https://example.com/a?session_token=canary",
                "https://example.com/a?AWSAccessKeyId=canary"
            })
    void urisWithCredentialsAreRefusedWithoutRepeatingThem(String uri) {
        assertThatThrownBy(() -> Secrets.refuseInUri("--catalog", uri))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Cannot use --catalog: the URI holds credentials")
                .hasMessageNotContaining("canary");
        assertThat(Secrets.redact("cannot read '" + uri + "'")).doesNotContain("canary");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "s3a://bucket/path@2x/a.png", "/photos/me@home/a.png", "https://example.com/a.png?size=large",
                "hdfs://host:8020/x", "relative/a@b.png", "s3a://bucket/token=1/a.png"
            })
    void otherUrisAreNot(String uri) {
        assertThatCode(() -> Secrets.refuseInUri("--catalog", uri)).doesNotThrowAnyException();
        assertThat(Secrets.redact(uri)).isEqualTo(uri);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "spark.hadoop.fs.s3a.secret.key",
                "fs.s3a.access.key",
                "fs.s3a.session.token",
                "fs.s3a.encryption.key",
                "fs.s3a.server-side-encryption.key.secret",
                "fs.azure.account.key.x",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_SESSION_TOKEN",
                "AWS_ACCESS_KEY_ID",
                "spark.ssl.keyPassword"
            })
    void settingsThatAreSecret(String name) {
        assertThat(Secrets.isSecret(name)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"fs.s3a.endpoint", "spark.master", "fs.s3a.encryption.algorithm", "spark.executor.memory"})
    void settingsThatAreNot(String name) {
        assertThat(Secrets.isSecret(name)).isFalse();
    }

    @Test
    void learntValuesAreBlanked() {
        Secrets.learn(Map.of("fs.s3a.secret.key", "canary+/value", "fs.s3a.endpoint", "http://plain")
                .entrySet());
        assertThat(Secrets.redact("403 for canary+/value at http://plain"))
                .isEqualTo("403 for *********(redacted) at http://plain");
    }
}
