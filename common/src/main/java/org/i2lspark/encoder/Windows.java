package org.i2lspark.encoder;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The windows of Qwen2.5-VL's vision tower. They tile the grid of merged cells from its upper left corner, so those at the
 * right and the lower edge may be cut. Windows with the same number of cells stand together, for one attention call each.
 *
 * @param order the cells, by row-major number, window by window
 * @param counts how many windows of a size there are, for each size
 * @param cells how many cells a window of that size has
 */
record Windows(long[] order, long[] counts, long[] cells) {

    /** Windows of {@code side}×{@code side} cells over a grid of {@code grid}×{@code grid}. */
    static Windows tile(int grid, int side) {
        Map<Integer, List<List<Long>>> bySize = new TreeMap<>();
        for (int top = 0; top < grid; top += side) {
            for (int left = 0; left < grid; left += side) {
                List<Long> window = new ArrayList<>();
                for (int row = top; row < Math.min(top + side, grid); row++) {
                    for (int column = left; column < Math.min(left + side, grid); column++) {
                        window.add((long) row * grid + column);
                    }
                }
                bySize.computeIfAbsent(window.size(), ignored -> new ArrayList<>())
                        .add(window);
            }
        }
        return new Windows(
                bySize.values().stream()
                        .flatMap(List::stream)
                        .flatMap(List::stream)
                        .mapToLong(Long::longValue)
                        .toArray(),
                bySize.values().stream().mapToLong(List::size).toArray(),
                bySize.keySet().stream().mapToLong(Integer::longValue).toArray());
    }
}
