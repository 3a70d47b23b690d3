package org.i2lspark.jobs.options;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Set;
import org.i2lspark.BatchShape;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class StackOptionsTest {
    @Test
    void whatIsLeftOpenFollowsFromTheDevice() throws UnusableException {
        assertThat(options("--models", "/models", "--device", "cpu").settle())
                .isEqualTo(new StackSettings(
                        "/models",
                        Set.of(Variant.STYLE),
                        ImagePositions.GRID,
                        DeviceChoice.CPU,
                        ElementType.FLOAT32,
                        8));
        assertThat(PrecisionChoice.AUTO.on(TorchDevice.gpu(0))).isEqualTo(ElementType.BFLOAT16);
    }

    @Test
    void whatIsAskedForIsTaken() throws UnusableException {
        StackSettings settled = options(
                        "--models",
                        "/models",
                        "--device",
                        "cpu",
                        "--precision",
                        "bfloat16",
                        "--batch-size",
                        "3",
                        "--variants",
                        "coarse,style",
                        "--image-positions",
                        "sequential",
                        "--gpu-memory",
                        "8g",
                        "--host-memory",
                        "512M",
                        "--reproducible")
                .settle();
        assertThat(settled.precision()).isEqualTo(ElementType.BFLOAT16);
        assertThat(settled.batchSize()).isEqualTo(3);
        assertThat(settled.imagePositions()).isEqualTo(ImagePositions.SEQUENTIAL);
        assertThat(settled.variantText()).isEqualTo("style,coarse");
        assertThat(settled.gpuMemory()).isEqualTo(8L << 30);
        assertThat(settled.hostMemory()).isEqualTo(512L << 20);
        assertThat(settled.batchShape()).isEqualTo(BatchShape.ONE_BY_ONE);
    }

    @Test
    void sizesThatAreNoneAreRefused() {
        assertThatThrownBy(() -> options("--models", "/models", "--gpu-memory", "8"))
                .hasMessageContaining("Invalid value for option '--gpu-memory'")
                .hasMessageContaining("expected a size such as 512m or 8g, not '8'");
    }

    @Test
    void localModelsMayBeNamedByAUri() throws UnusableException {
        assertThat(options("--models", "file:/a b").compute().localModels()).isEqualTo(Path.of("/a b"));
        assertThat(options("--models", "a").compute().localModels())
                .isEqualTo(Path.of("a").toAbsolutePath());
        assertThatThrownBy(() -> options("--models", "s3a://b/a").compute().localModels())
                .isInstanceOf(UnusableException.class)
                .hasMessage("Invalid --models: s3a://b/a (expected a local folder)");
    }

    private static StackOptions options(String... args) {
        CommandLine line = new CommandLine(new StackOptions()).setCaseInsensitiveEnumValuesAllowed(true);
        line.parseArgs(args);
        return line.getCommand();
    }
}
