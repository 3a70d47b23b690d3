package org.i2lspark.jobs.output;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which styles failed in a run, against how each stood in the manifest before.
 *
 * @param byClass failed styles for each class of failure
 * @param fresh failed styles that did not fail when they were last in a run, or for another class of failure
 * @param healed styles that failed when they were last in a run, and have a LoRA now
 * @param listed some of the failed, new ones first
 */
public record FailureReport(Map<String, Long> byClass, long fresh, long healed, List<StyleFailure> listed) {
    /** More of them are in the manifest. */
    public static final int MAX_LISTED = 1000;

    public static final FailureReport NONE = new FailureReport(Map.of(), 0, 0, List.of());

    /**
     * A style that failed, in the manifest's terms.
     *
     * @param fresh whether that is new
     */
    public record StyleFailure(
            String styleId, String errorKind, String errorClass, String errorMessage, boolean fresh) {
        /** The failure for a program. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("style_id", styleId);
            facts.put("error_kind", errorKind);
            facts.put("error_class", errorClass);
            facts.put("error_message", errorMessage);
            facts.put("new", fresh);
            return facts;
        }
    }
}
