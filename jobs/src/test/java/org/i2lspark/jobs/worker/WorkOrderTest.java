package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;

class WorkOrderTest {
    private static final Map<String, String> CHECKPOINTS = Map.of("DINOv3-7B", "a:b");
    private static final WorkOrder GPU =
            new WorkOrder("", "gpu", ElementType.BFLOAT16, 32, 1024, "2.7.1+cu128", CHECKPOINTS);

    @Test
    void anExecutorThatCanDoTheSameWorks() {
        WorkOrder same = new WorkOrder("", "gpu", ElementType.BFLOAT16, 32, 1024, "2.7.1+cu128", CHECKPOINTS);
        assertThatCode(() -> GPU.requireSame(same)).doesNotThrowAnyException();
    }

    @Test
    void anExecutorWithoutAGpuDoesNotGoOnOnTheCpu() {
        refuses(
                new WorkOrder("", "cpu", ElementType.FLOAT32, 8, 16, "2.7.1+cu128", CHECKPOINTS),
                "its device is cpu, but the run was settled on gpu");
    }

    @Test
    void anExecutorThatComputesOtherwiseIsRefused() {
        refuses(
                new WorkOrder("", "gpu", ElementType.FLOAT32, 32, 1024, "2.7.1+cu128", CHECKPOINTS),
                "its precision is float32, but the run was settled on bfloat16");
        refuses(
                new WorkOrder("", "gpu", ElementType.BFLOAT16, 16, 1024, "2.7.1+cu128", CHECKPOINTS),
                "its batch size is 16, but the run was settled on 32");
        refuses(
                new WorkOrder("", "gpu", ElementType.BFLOAT16, 32, 1024, "2.5.1+cu128", CHECKPOINTS),
                "its libtorch is 2.5.1+cu128, but the run was settled on 2.7.1+cu128");
    }

    @Test
    void anExecutorWithOtherCheckpointsIsRefused() {
        refuses(
                new WorkOrder("", "gpu", ElementType.BFLOAT16, 32, 1024, "2.7.1+cu128", Map.of("DINOv3-7B", "a:c")),
                "its checkpoint DINOv3-7B is a:c, but the run was settled on a:b");
        refuses(
                new WorkOrder("", "gpu", ElementType.BFLOAT16, 32, 1024, "2.7.1+cu128", Map.of()),
                "its set of checkpoints is [], but the run was settled on [DINOv3-7B]");
    }

    private static void refuses(WorkOrder here, String difference) {
        assertThatThrownBy(() -> GPU.requireSame(here))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Cannot work on this executor: " + difference);
    }
}
