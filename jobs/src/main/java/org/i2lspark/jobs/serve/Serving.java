package org.i2lspark.jobs.serve;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.serve.StyleAlias.Gate;
import org.i2lspark.jobs.storage.Storage;

/**
 * What of a brand's styles is in force: decided after a run, or by a person, written to the brand's aliases, and then published. Of
 * what was broken off between the two, the next makes up for the latter.
 */
public final class Serving {
    private final AliasFile file;
    private final BrandRows rows;
    private final Publisher publisher;
    private final String brand;

    public Serving(SparkSession spark, Storage storage, OutputLayout layout, String brand) {
        this.brand = brand;
        this.file = new AliasFile(storage, layout, brand);
        this.rows = new BrandRows(new Manifest(spark, storage, layout.output()), brand);
        this.publisher = new Publisher(storage, layout, new StylePictures(storage, layout, rows));
    }

    /**
     * What became of a brand.
     *
     * @param run that was taken up; empty where none was
     * @param drift how far a run moved it; empty where there was no run
     * @param blocked whether it moved too far for its LoRAs to become current by themselves
     * @param published ids of the styles that were published now
     */
    public record Served(
            BrandAliases aliases,
            Optional<String> run,
            Optional<BrandDrift> drift,
            boolean blocked,
            List<String> published) {
        public Served {
            published = List.copyOf(published);
        }

        /** For a program: names and values. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("brand", aliases.brand());
            run.ifPresent(id -> facts.put("run", id));
            drift.ifPresent(moved -> facts.putAll(moved.facts()));
            facts.put("blocked", blocked);
            facts.put("candidates", candidates());
            facts.put("stale", stale());
            facts.put("published", published);
            return facts;
        }

        /** Ids of the styles of which something waits for approval. */
        public List<String> candidates() {
            return ids(alias -> alias.candidate() != null);
        }

        /** Ids of the styles of which the last run made nothing that could take the place of what is current. */
        public List<String> stale() {
            return ids(StyleAlias::stale);
        }

        private List<String> ids(Predicate<StyleAlias> which) {
            return aliases.styles().entrySet().stream()
                    .filter(style -> which.test(style.getValue()))
                    .map(Map.Entry::getKey)
                    .toList();
        }
    }

    /**
     * Takes up what the newest run committed: what it made becomes current, or waits for somebody, and what is current is published.
     *
     * @throws UnusableException if no run was made for the brand
     * @throws IOException if that broke off; to do it again makes up for it
     */
    public Served afterRun(BrandPolicy policy) throws IOException {
        String run = rows.newestRun(policy.model())
                .orElseThrow(() -> new UnusableException(
                        "Cannot find brand '%s': no run of this output made LoRAs of it for %s (a brand is the first element of its styles' ids)"
                                .formatted(brand, policy.model().id())));
        Map<String, Optional<LoraVersion>> outcomes = rows.ofRun(run, policy.strength());
        Map<String, LoraVersion> made = new TreeMap<>();
        outcomes.forEach((id, version) -> version.ifPresent(lora -> made.put(id, lora)));
        BrandDrift drift = drift(made);
        boolean blocked = drift.reaches(policy.block());
        Gate gate = blocked ? Gate.BLOCKED : policy.approval() == BrandPolicy.Approval.AUTO ? Gate.OPEN : Gate.GUARDED;
        Instant now = Instant.now();
        BrandAliases aliases = file.update(before -> {
            Map<String, StyleAlias> changed = new TreeMap<>();
            outcomes.forEach((id, version) -> changed.put(
                    id,
                    version.isPresent()
                            ? before.style(id).made(version.get(), gate, now)
                            : before.style(id).failed()));
            return before.with(policy.publish(), policy.texts()).with(changed);
        });
        return served(aliases, Optional.of(run), Optional.of(drift), blocked);
    }

    private BrandDrift drift(Map<String, LoraVersion> made) throws IOException {
        Map<String, LoraVersion> current = new TreeMap<>();
        file.read()
                .ifPresent(aliases -> aliases.styles().forEach((id, alias) -> {
                    if (alias.current() != null) {
                        current.put(id, alias.current());
                    }
                }));
        return BrandDrift.between(brand, rows.centroids(current), rows.centroids(made));
    }

    private Served served(BrandAliases aliases, Optional<String> run, Optional<BrandDrift> drift, boolean blocked)
            throws IOException {
        Map<String, String> published = publisher.publish(aliases);
        BrandAliases after = published.isEmpty() ? aliases : file.update(before -> before.withPublished(published));
        return new Served(after, run, drift, blocked, new ArrayList<>(published.keySet()));
    }

    /**
     * Makes current what waits for it.
     *
     * @param style its id; empty for all of the brand
     * @throws UnusableException if nothing waits
     */
    public Served approve(Optional<String> style, String by) throws IOException {
        Instant now = Instant.now();
        return change(
                style, (id, alias) -> alias.candidate() == null ? null : alias.approved(by, now), "waits for approval");
    }

    /**
     * Goes back to what was current before.
     *
     * @param style its id; empty for all of the brand
     * @throws UnusableException if nothing was
     */
    public Served rollBack(Optional<String> style, String by) throws IOException {
        Instant now = Instant.now();
        return change(
                style,
                (id, alias) -> alias.previous() == null ? null : alias.rolledBack(alias.previous(), by, now),
                "was current before");
    }

    /**
     * Goes back to what an earlier run had.
     *
     * @param style its id; empty for all of the brand
     * @param reference id of a run, or the beginning of a fingerprint
     * @throws UnusableException if there is no such LoRA
     */
    public Served rollBackTo(String reference, Optional<String> style, String by) throws IOException {
        Instant now = Instant.now();
        BrandAliases aliases = existing();
        Map<String, LoraVersion> named = rows.named(reference, id -> strength(aliases.style(id)));
        return change(
                style,
                (id, alias) -> named.containsKey(id) ? alias.rolledBack(named.get(id), by, now) : null,
                "has a LoRA of '%s'".formatted(reference));
    }

    private static double strength(StyleAlias alias) {
        LoraVersion any = alias.current() != null ? alias.current() : alias.candidate();
        return any == null ? 1 : any.strength();
    }

    private BrandAliases existing() throws IOException {
        return file.read()
                .orElseThrow(() -> new UnusableException(
                        "Cannot find brand '%s': no run was made for it in this output (it has no aliases)"
                                .formatted(brand)));
    }

    /** Changes the aliases that are meant, of which the change knows something; null stands for nothing. */
    private Served change(Optional<String> style, BiFunction<String, StyleAlias, StyleAlias> change, String condition)
            throws IOException {
        if (changed(existing(), style, change).isEmpty()) {
            throw new UnusableException("Cannot change %s: nothing of it %s".formatted(style.orElse(brand), condition));
        }
        return served(
                file.update(before -> before.with(changed(before, style, change))),
                Optional.empty(),
                Optional.empty(),
                false);
    }

    private static Map<String, StyleAlias> changed(
            BrandAliases aliases, Optional<String> style, BiFunction<String, StyleAlias, StyleAlias> change) {
        Map<String, StyleAlias> changed = new TreeMap<>();
        aliases.styles().forEach((id, alias) -> {
            if (style.isEmpty() || style.get().equals(id)) {
                StyleAlias after = change.apply(id, alias);
                if (after != null) {
                    changed.put(id, after);
                }
            }
        });
        return changed;
    }
}
