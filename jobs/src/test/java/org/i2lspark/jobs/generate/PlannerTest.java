package org.i2lspark.jobs.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.worker.WorkOrder;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;

class PlannerTest {
    private static final WorkOrder CPU = new WorkOrder(
            new StackSettings("", Set.of(), ImagePositions.GRID, DeviceChoice.CPU, ElementType.FLOAT32, 8),
            "",
            "",
            "",
            Map.of());

    @Test
    void partitionsCostAboutTheSame() throws IOException {
        List<Style> styles = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            styles.add(style(i, 1 + i % 7));
        }
        List<List<Style>> parts = spread(styles, 6);
        List<Integer> costs = parts.stream()
                .map(part ->
                        part.stream().mapToInt(style -> style.images().size()).sum())
                .toList();
        assertThat(costs).hasSize(6);
        assertThat(Collections.max(costs) - Collections.min(costs)).isLessThanOrEqualTo(7);
        assertThat(parts.stream().flatMap(List::stream)).containsExactlyInAnyOrderElementsOf(styles);
    }

    @Test
    void oneLargeStyleHasAPartitionOfItsOwn() throws IOException {
        List<List<Style>> parts = spread(List.of(style(0, 1), style(1, 9), style(2, 2)), 2);
        assertThat(parts).containsExactly(List.of(style(1, 9)), List.of(style(2, 2), style(0, 1)));
    }

    @Test
    void partitionsFillBatchesBeforeTheyFillSlots() {
        assertThat(Planner.partitionCount(4, 4, 8, CPU)).isEqualTo(1);
        assertThat(Planner.partitionCount(100, 100, 2, CPU)).isEqualTo(7);
        assertThat(Planner.partitionCount(100, 32, 64, CPU)).isEqualTo(4);
        assertThat(Planner.partitionCount(1, 1000, 64, CPU)).isEqualTo(1);
        assertThat(Planner.partitionCount(5_000_000, 5_000_000, 64, CPU)).isEqualTo(20_000);
    }

    private static List<List<Style>> spread(List<Style> styles, int partitions) throws IOException {
        try (SparkSession spark = EmbeddedSpark.start()) {
            JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
            return Planner.spread(context.parallelize(styles, 3), partitions).collect();
        }
    }

    private static Style style(int id, int images) {
        return new Style("s" + id, null, Collections.nCopies(images, "i"));
    }
}
