package org.i2lspark.jobs.worker;

import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.LoraForm;

/** A task's way into the pipeline, for the task's own thread. */
final class TaskFeed implements AutoCloseable {
    private final StackPipeline pipeline;
    private final LoraForm form;
    private final Listener listener;
    /** Styles that have begun and not left; guarded by the pipeline. */
    private final Set<StyleJob> jobs = new HashSet<>();

    /** Is told of a task's styles, by the pipeline's threads. */
    interface Listener {
        /** An image of a style went through the encoders. */
        void embedded(Style style);

        /** Batches that the task had a part in did not fit into memory and were halved. */
        void halved(int times);
    }

    /**
     * A way in, which the pipeline gives.
     *
     * @param form null if embeddings are all that is wanted
     */
    TaskFeed(StackPipeline pipeline, LoraForm form, Listener listener) {
        this.pipeline = pipeline;
        this.form = form;
        this.listener = listener;
    }

    /**
     * Begins a style, which is to leave in the end.
     *
     * @return none if there is no room for its images beside those on their way; for a task's only style there always is
     */
    Optional<StyleJob> begin(Style style) {
        return pipeline.begin(this, style);
    }

    StackPipeline pipeline() {
        return pipeline;
    }

    /** The form of the task's LoRAs; null if it wants embeddings only. */
    LoraForm form() {
        return form;
    }

    Listener listener() {
        return listener;
    }

    Set<StyleJob> jobs() {
        return jobs;
    }

    /** Takes the task's styles out of the pipeline; those of other tasks go on. */
    @Override
    public void close() {
        pipeline.end(this);
    }
}
