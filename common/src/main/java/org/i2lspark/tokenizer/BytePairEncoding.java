package org.i2lspark.tokenizer;

import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.IntConsumer;

/**
 * Byte-pair encoding: the bytes of a word are merged pair by pair, of all pairs always the one of the lowest rank and of its
 * places the first. Takes n log n steps for n bytes.
 */
final class BytePairEncoding {
    private static final int NONE = -1;

    private final int[] byteTokens;
    private final Map<Long, Merge> merges;

    /** What two tokens become; the lower the rank, the earlier. */
    record Merge(int rank, int token) {}

    /** A pair that stood at these places when it was found. */
    private record Candidate(Merge merge, int left, int right, long pair) implements Comparable<Candidate> {
        @Override
        public int compareTo(Candidate other) {
            int byRank = Integer.compare(merge.rank(), other.merge.rank());
            return byRank != 0 ? byRank : Integer.compare(left, other.left);
        }
    }

    /**
     * An encoding.
     *
     * @param byteTokens the token of each byte
     * @param merges by {@link #pair}
     */
    BytePairEncoding(int[] byteTokens, Map<Long, Merge> merges) {
        this.byteTokens = byteTokens;
        this.merges = merges;
    }

    static long pair(int left, int right) {
        return ((long) left << Integer.SIZE) | right;
    }

    void encode(byte[] word, IntConsumer out) {
        new Word(word).encode(out);
    }

    /** The tokens of a word, a list whose links skip what was merged into the token before. */
    private final class Word {
        private final int[] tokens;
        private final int[] previous;
        private final int[] next;
        private final PriorityQueue<Candidate> candidates = new PriorityQueue<>();

        Word(byte[] bytes) {
            int length = bytes.length;
            tokens = new int[length];
            previous = new int[length];
            next = new int[length];
            for (int i = 0; i < length; i++) {
                tokens[i] = byteTokens[bytes[i] & 0xFF];
                previous[i] = i - 1;
                next[i] = i + 1 < length ? i + 1 : NONE;
            }
        }

        void encode(IntConsumer out) {
            for (int i = 0; i + 1 < tokens.length; i++) {
                offer(i, i + 1);
            }
            for (Candidate best = candidates.poll(); best != null; best = candidates.poll()) {
                if (stillStands(best)) {
                    merge(best);
                }
            }
            for (int i = 0; i != NONE && tokens.length > 0; i = next[i]) {
                out.accept(tokens[i]);
            }
        }

        private void offer(int left, int right) {
            if (left != NONE && right != NONE) {
                long pair = pair(tokens[left], tokens[right]);
                Merge merge = merges.get(pair);
                if (merge != null) {
                    candidates.add(new Candidate(merge, left, right, pair));
                }
            }
        }

        private boolean stillStands(Candidate candidate) {
            return next[candidate.left()] == candidate.right()
                    && pair(tokens[candidate.left()], tokens[candidate.right()]) == candidate.pair();
        }

        private void merge(Candidate candidate) {
            int left = candidate.left();
            int right = candidate.right();
            tokens[left] = candidate.merge().token();
            next[left] = next[right];
            if (next[left] != NONE) {
                previous[next[left]] = left;
            }
            // what was merged away is part of no pair any more
            tokens[right] = NONE;
            offer(previous[left], left);
            offer(left, next[left]);
        }
    }
}
