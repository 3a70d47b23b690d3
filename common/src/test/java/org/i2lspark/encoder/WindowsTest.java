package org.i2lspark.encoder;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WindowsTest {
    @Test
    void edgeWindowsAreCutAndStandTogetherBySize() {
        Windows windows = Windows.tile(5, 4);
        assertThat(windows.cells()).containsExactly(1, 4, 16);
        assertThat(windows.counts()).containsExactly(1, 2, 1);
        assertThat(windows.order())
                .containsExactly(
                        24, 4, 9, 14, 19, 20, 21, 22, 23, 0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18);
    }

    @ParameterizedTest
    @CsvSource({"8,4", "37,4", "3,4", "1,1"})
    void everyCellIsInOneWindow(int grid, int side) {
        Windows windows = Windows.tile(grid, side);
        long[] sorted = windows.order().clone();
        Arrays.sort(sorted);
        assertThat(sorted)
                .containsExactly(LongStream.range(0, (long) grid * grid).toArray());
        long cells = 0;
        for (int i = 0; i < windows.cells().length; i++) {
            cells += windows.cells()[i] * windows.counts()[i];
        }
        assertThat(cells).isEqualTo((long) grid * grid);
    }
}
