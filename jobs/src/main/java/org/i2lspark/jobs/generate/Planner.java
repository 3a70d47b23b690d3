package org.i2lspark.jobs.generate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Spreads styles over partitions so that all cost about the same, where a style costs its images times the variants: the
 * costliest style first, each to the partition that has the least so far.
 */
final class Planner {

    private Planner() {}

    private static final class Partition {
        private final List<PlannedStyle> styles = new ArrayList<>();
        private final int index;
        private long cost;

        Partition(int index) {
            this.index = index;
        }
    }

    /**
     * How many partitions suit this many images: small enough that a lost task costs little, one for each slot if there
     * is a batch for each.
     */
    static int partitionCount(int styles, long images, int slots, Preflight preflight) {
        long byLoss = images / preflight.imagesPerTask() + 1;
        long bySlots = Math.min(slots, images / preflight.batchSize());
        return (int) Math.min(styles, Math.max(byLoss, bySlots));
    }

    static List<List<PlannedStyle>> spread(List<PlannedStyle> styles, int variants, int partitions) {
        PriorityQueue<Partition> byCost = new PriorityQueue<>(
                Comparator.<Partition>comparingLong(p -> p.cost).thenComparingInt(p -> p.index));
        List<Partition> all = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            Partition partition = new Partition(i);
            all.add(partition);
            byCost.add(partition);
        }
        List<PlannedStyle> costliestFirst = new ArrayList<>(styles);
        costliestFirst.sort(Comparator.comparingInt(
                (PlannedStyle planned) -> -planned.style().images().size()));
        for (PlannedStyle planned : costliestFirst) {
            Partition cheapest = byCost.remove();
            cheapest.styles.add(planned);
            cheapest.cost += (long) planned.style().images().size() * variants;
            byCost.add(cheapest);
        }
        return all.stream().map(partition -> partition.styles).toList();
    }
}
