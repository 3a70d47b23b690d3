package org.i2lspark.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Properties;
import org.i2lspark.torch.UnusableLibraryException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeCodecsTest {
    @TempDir
    private Path home;

    private Properties before;

    @BeforeEach
    void keepProperties() {
        before = (Properties) System.getProperties().clone();
    }

    @AfterEach
    void restoreProperties() {
        System.setProperties(before);
    }

    @Test
    void theUsualFolderIsLeftAsItIs() throws UnusableException {
        NativeCodecs.require();
        assertThat(System.getProperty("java.io.tmpdir")).isEqualTo(before.getProperty("java.io.tmpdir"));
        assertThat(System.getProperty("ZstdTempFolder")).isNull();
    }

    @Test
    void anotherFolderIsTakenWhereTheTemporaryOneWillNotDo() throws UnusableLibraryException {
        System.setProperty("java.io.tmpdir", "/proc");
        System.setProperty("user.home", home.toString());
        NativeCodecs.unpackWhereExecutable();
        assertThat(System.getProperty("java.io.tmpdir"))
                .isEqualTo(home.resolve(".djl.ai").toString())
                .isEqualTo(System.getProperty("ZstdTempFolder"))
                .isEqualTo(System.getProperty("org.xerial.snappy.tempdir"));
    }
}
