package org.i2lspark.jobs.worker;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.jobs.output.Failure;

/**
 * What a task did. Its manifest rows lie in files that the driver takes up, so that of several attempts at a partition one
 * alone counts.
 *
 * @param images how many were embedded
 * @param failedBefore how many of the failed were not tried again
 * @param receiptsLost how many results could not be kept for a restart
 * @param halvings how often a batch did not fit into memory and was halved
 * @param failuresByClass how many styles failed for each class of failure
 * @param failures some of them
 * @param lorasFile rows of the table loras
 * @param imagesFile rows of the table images
 * @param stagedBytes size of both files
 */
public record PartResult(
        int part,
        long done,
        long skipped,
        long failed,
        long failedBefore,
        long images,
        long loraBytes,
        long receiptsLost,
        long halvings,
        Map<String, Long> failuresByClass,
        List<StyleFailure> failures,
        String lorasFile,
        String imagesFile,
        long stagedBytes)
        implements Serializable {
    /** More of them are in the manifest; the driver would have to hold all of a run. */
    private static final int MAX_LISTED = 100;

    /** A style that failed. */
    public record StyleFailure(String styleId, Failure failure) implements Serializable {
        /** The failure for a program, in the manifest's terms. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("style_id", styleId);
            facts.put("error_kind", failure.errorClass().kind().id());
            facts.put("error_class", failure.errorClass().id());
            facts.put("error_message", failure.message());
            return facts;
        }
    }

    /** The counts of a task on its way. */
    static final class Tally {
        long done;
        long skipped;
        long failedBefore;
        long images;
        long loraBytes;
        long stagedBytes;
        long receiptsLost;
        long halvings;
        private long failed;
        private final Map<String, Long> failuresByClass = new TreeMap<>();
        private final List<StyleFailure> failures = new ArrayList<>();

        void addFailure(String styleId, Failure failure) {
            failed++;
            failuresByClass.merge(failure.errorClass().id(), 1L, Long::sum);
            if (failures.size() < MAX_LISTED) {
                failures.add(new StyleFailure(styleId, failure));
            }
        }

        PartResult toResult(int part, String lorasFile, String imagesFile) {
            return new PartResult(
                    part,
                    done,
                    skipped,
                    failed,
                    failedBefore,
                    images,
                    loraBytes,
                    receiptsLost,
                    halvings,
                    new TreeMap<>(failuresByClass),
                    new ArrayList<>(failures),
                    lorasFile,
                    imagesFile,
                    stagedBytes);
        }
    }
}
