package org.i2lspark.jobs.generate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.StorageLevels;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.worker.WorkOrder;
import scala.Tuple2;

/**
 * Spreads styles over partitions so that all have about as many images: the largest styles are dealt out first, one to each
 * partition, then the next the other way round.
 */
public final class Planner {
    /** More would only keep the driver busy. */
    private static final int MAX_PARTITIONS = 20_000;

    private Planner() {}

    /**
     * How many partitions suit this many images: small enough that a lost task costs little, one for each slot if there
     * is a batch for each.
     */
    static int partitionCount(long styles, long images, int slots, WorkOrder order) {
        long byLoss = images / order.stack().imagesPerTask() + 1;
        long bySlots = Math.min(slots, images / order.stack().batchSize());
        return (int) Math.min(Math.min(styles, MAX_PARTITIONS), Math.max(byLoss, bySlots));
    }

    /**
     * The partitions, kept in a folder, so that a task that is run again has the same styles though the catalog may have
     * changed by then.
     */
    public static JavaRDD<List<Style>> writeDown(JavaRDD<Style> styles, int partitions, Path folder) {
        JavaRDD<List<Style>> parts = spread(styles, partitions).persist(StorageLevels.DISK_ONLY);
        parts.context().setCheckpointDir(folder.toString());
        parts.checkpoint();
        parts.count();
        parts.unpersist();
        return parts;
    }

    /** The partitions, each with its largest style first. */
    static JavaRDD<List<Style>> spread(JavaRDD<Style> styles, int partitions) {
        return styles.sortBy(Planner::largestFirst, true, styles.getNumPartitions())
                .zipWithIndex()
                .mapToPair(numbered -> new Tuple2<>(partition(numbered._2(), partitions), numbered))
                .partitionBy(new HashPartitioner(partitions))
                .values()
                .mapPartitions(Planner::inOrder);
    }

    static String largestFirst(Style style) {
        return "%010d %s".formatted(Integer.MAX_VALUE - style.images().size(), style.id());
    }

    /** The partition of a style by its place among all, back and forth. */
    static int partition(long index, int partitions) {
        int place = (int) (index % partitions);
        boolean back = index / partitions % 2 == 1;
        return back ? partitions - 1 - place : place;
    }

    private static Iterator<List<Style>> inOrder(Iterator<Tuple2<Style, Long>> numbered) {
        List<Tuple2<Style, Long>> all = new ArrayList<>();
        numbered.forEachRemaining(all::add);
        all.sort(Comparator.comparing(Tuple2::_2));
        List<Style> styles = new ArrayList<>();
        all.forEach(tuple -> styles.add(tuple._1()));
        return List.of(styles).iterator();
    }
}
