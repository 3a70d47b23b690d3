package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkOrderTest {
    private static final StackSettings GPU = new StackSettings(
            "m", Set.of(Variant.STYLE), ImagePositions.GRID, DeviceChoice.GPU, ElementType.BFLOAT16, 32);
    private static final WorkOrder ORDER = order("2.7.1+cu128", Map.of("DINOv3-7B", "a:b"));

    private static WorkOrder order(String libtorch, Map<String, String> checkpoints) {
        return new WorkOrder(GPU, "", "", libtorch, checkpoints);
    }

    @Test
    void anExecutorThatCanDoTheSameWorks() {
        assertThatCode(() -> ORDER.requireSame(order("2.7.1+cu128", Map.of("DINOv3-7B", "a:b"))))
                .doesNotThrowAnyException();
    }

    @Test
    void anExecutorWithoutAGpuDoesNotGoOnOnTheCpu(@TempDir Path folder) throws IOException {
        Path models = ReferenceCase.tiny().writeModels(folder);
        assertThatThrownBy(() -> new Stack(GPU, models, 0))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Cannot use GPU 0: ");
    }

    @Test
    void anExecutorThatComputesOtherwiseIsRefused() {
        refuses(
                order("2.5.1+cu128", Map.of("DINOv3-7B", "a:b")),
                "its libtorch is 2.5.1+cu128, but the run was settled on 2.7.1+cu128");
    }

    @Test
    void anExecutorWithOtherCheckpointsIsRefused() {
        refuses(
                order("2.7.1+cu128", Map.of("DINOv3-7B", "a:c")),
                "its checkpoint DINOv3-7B is a:c, but the run was settled on a:b");
        refuses(order("2.7.1+cu128", Map.of()), "its set of checkpoints is [], but the run was settled on [DINOv3-7B]");
    }

    private static void refuses(WorkOrder here, String difference) {
        assertThatThrownBy(() -> ORDER.requireSame(here))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Cannot work on this executor: " + difference);
    }
}
