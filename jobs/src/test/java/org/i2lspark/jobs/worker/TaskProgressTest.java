package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import org.apache.spark.util.LongAccumulator;
import org.i2lspark.jobs.catalog.Style;
import org.junit.jupiter.api.Test;

class TaskProgressTest {
    private final Counters counters =
            new Counters(new LongAccumulator(), new LongAccumulator(), new LongAccumulator(), new LongAccumulator());
    private final TaskProgress progress = new TaskProgress(counters);

    private static Style style(String id, int images) {
        return new Style(id, null, Collections.nCopies(images, "image"));
    }

    private void embed(Style style, int images) {
        for (int i = 0; i < images; i++) {
            progress.embedded(style);
        }
    }

    @Test
    void anImageCountsBeforeItsStyleIsThrough() {
        Style style = style("large", 64);
        embed(style, 1);
        assertThat(counters.images().sum()).isOne();
        assertThat(counters.styles().sum()).isZero();
        embed(style, 63);
        progress.settled(style);
        assertThat(counters.images().sum()).isEqualTo(64);
        assertThat(counters.styles().sum()).isOne();
    }

    @Test
    void imagesThatNeverWentThroughTheStackCountWithTheirStyle() {
        progress.settled(style("skipped", 3));
        assertThat(counters.images().sum()).isEqualTo(3);
        assertThat(counters.embedded().sum()).isZero();
    }

    @Test
    void anImageThatGoesThroughTheStackTwiceCountsOnce() {
        Style style = style("again", 2);
        embed(style, 2 + 1);
        progress.settled(style);
        assertThat(counters.images().sum()).isEqualTo(2);
        assertThat(counters.embedded().sum()).isEqualTo(3);
    }

    @Test
    void aStyleThatFailsHalfWayCountsWhole() {
        Style style = style("half", 4);
        embed(style, 1);
        progress.settled(style);
        progress.failed();
        assertThat(counters.images().sum()).isEqualTo(4);
        assertThat(counters.failed().sum()).isOne();
    }
}
