package org.i2lspark.jobs.serve;

import java.time.Instant;

/**
 * What is in force of a style.
 *
 * @param current null while nothing was approved
 * @param previous what was current before; null if nothing was
 * @param candidate what waits for approval; null if nothing does
 * @param stale whether the last run made nothing that could take the place of the current one: the style failed, or its brand moved
 *     too far
 * @param refused fingerprint of what was rolled back, which only a person can approve again; null if nothing was
 */
public record StyleAlias(
        LoraVersion current, LoraVersion previous, LoraVersion candidate, boolean stale, String refused) {
    static final StyleAlias NONE = new StyleAlias(null, null, null, false, null);

    /** How a run's LoRA becomes current. */
    enum Gate {
        /** By itself. */
        OPEN,
        /** When somebody approves it. */
        GUARDED,
        /** As {@link #GUARDED}, for the brand moved too far. */
        BLOCKED
    }

    /** After a run in which the style failed. */
    StyleAlias failed() {
        return new StyleAlias(current, previous, candidate, true, refused);
    }

    /** After a run that made a LoRA of the style, or had it already. */
    StyleAlias made(LoraVersion made, Gate gate, Instant at) {
        if (current != null && current.fingerprint().equals(made.fingerprint())) {
            // of other bytes only where the file was made again in its place
            LoraVersion kept = made.isSame(current) ? current : made.approved(current.approvedBy(), at);
            return new StyleAlias(kept, previous, null, false, refused);
        }
        if (gate == Gate.OPEN && !made.fingerprint().equals(refused)) {
            return new StyleAlias(made.approved(LoraVersion.AUTOMATIC, at), current, null, false, null);
        }
        return new StyleAlias(current, previous, made, gate == Gate.BLOCKED, refused);
    }

    /** After a person approved what waits. */
    StyleAlias approved(String by, Instant at) {
        return candidate == null ? this : new StyleAlias(candidate.approved(by, at), current, null, false, null);
    }

    /** After a person went back to an earlier LoRA. */
    StyleAlias rolledBack(LoraVersion earlier, String by, Instant at) {
        if (earlier.isSame(current)) {
            return this;
        }
        String back = current == null ? refused : current.fingerprint();
        return new StyleAlias(earlier.approved(by, at), current, candidate, stale, back);
    }
}
