package org.i2lspark.jobs.options;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.spark.SparkConf;
import org.i2lspark.jobs.UnusableException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingTest {
    @ParameterizedTest
    @CsvSource({
        "spark.i2l.decoder.memory, 32m",
        "spark.i2l.decoder.memory, 2g",
        "spark.i2l.decoder.memory, 65536K",
        "spark.i2l.checkpoint.cache, /var/cache/i2l",
        "spark.i2l.libtorch.threads, auto",
        "spark.i2l.libtorch.threads, 1",
        "spark.i2l.libtorch.threads, 1024",
        "spark.executor.memory, 1g"
    })
    void takesWhatItKnows(String key, String value) {
        assertThatCode(() -> Setting.check(conf(key, value))).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource({
        "spark.i2l.decoder.memory, lots",
        "spark.i2l.decoder.memory, 2",
        "spark.i2l.decoder.memory, -2g",
        "spark.i2l.decoder.memory, 0g",
        "spark.i2l.decoder.memory, 2 g",
        "spark.i2l.decoder.memory, 31m",
        "spark.i2l.decoder.memory, 1024k",
        "spark.i2l.decoder.memory, ''",
        "spark.i2l.checkpoint.cache, cache",
        "spark.i2l.checkpoint.cache, ''",
        "spark.i2l.libtorch.threads, 0",
        "spark.i2l.libtorch.threads, 1025",
        "spark.i2l.libtorch.threads, all"
    })
    void refusesAValueThatIsNone(String key, String value) {
        assertThatThrownBy(() -> Setting.check(conf(key, value)))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Invalid %s: '%s' (expected ".formatted(key, value));
    }

    @ParameterizedTest
    @CsvSource({
        "spark.i2l.decoder.memroy, spark.i2l.decoder.memory",
        "spark.i2l.decoder.Memory, spark.i2l.decoder.memory",
        "spark.i2l.memory, spark.i2l.decoder.memory",
        "spark.i2l.checkpoints.cache, spark.i2l.checkpoint.cache",
        "spark.i2l.cache, spark.i2l.checkpoint.cache"
    })
    void namesTheNearestOfAnUnknownName(String key, String nearest) {
        assertThatThrownBy(() -> Setting.check(conf(key, "1g")))
                .isInstanceOf(UnusableException.class)
                .hasMessage("Invalid setting: '%s' (i2l has none of that name; did you mean %s?)", key, nearest);
    }

    private static SparkConf conf(String key, String value) {
        return new SparkConf(false).set(key, value);
    }
}
