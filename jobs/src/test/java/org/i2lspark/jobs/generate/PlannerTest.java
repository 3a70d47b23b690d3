package org.i2lspark.jobs.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.i2lspark.jobs.catalog.Style;
import org.junit.jupiter.api.Test;

class PlannerTest {
    private static final Preflight CPU = new Preflight(null, "", "cpu", "float32", 8, 16, "");

    @Test
    void partitionsCostAboutTheSame() {
        List<PlannedStyle> styles = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            styles.add(style(i, 1 + i % 7));
        }
        List<List<PlannedStyle>> parts = Planner.spread(styles, 1, 6);
        List<Integer> costs = parts.stream()
                .map(part -> part.stream()
                        .mapToInt(planned -> planned.style().images().size())
                        .sum())
                .toList();
        assertThat(Collections.max(costs) - Collections.min(costs)).isLessThanOrEqualTo(1);
        assertThat(parts.stream().flatMap(List::stream)).containsExactlyInAnyOrderElementsOf(styles);
    }

    @Test
    void oneLargeStyleHasAPartitionOfItsOwn() {
        List<List<PlannedStyle>> parts = Planner.spread(List.of(style(0, 1), style(1, 9), style(2, 2)), 1, 2);
        assertThat(parts.get(0)).containsExactly(style(1, 9));
        assertThat(parts.get(1)).hasSize(2);
    }

    @Test
    void partitionsFillBatchesBeforeTheyFillSlots() {
        assertThat(Planner.partitionCount(4, 4, 8, CPU)).isEqualTo(1);
        assertThat(Planner.partitionCount(100, 100, 2, CPU)).isEqualTo(7);
        assertThat(Planner.partitionCount(100, 32, 64, CPU)).isEqualTo(4);
        assertThat(Planner.partitionCount(1, 1000, 64, CPU)).isEqualTo(1);
    }

    private static PlannedStyle style(int id, int images) {
        return new PlannedStyle(new Style("s" + id, null, Collections.nCopies(images, "i")), List.of());
    }
}
