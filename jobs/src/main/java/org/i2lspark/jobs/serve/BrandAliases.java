package org.i2lspark.jobs.serve;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What is in force of a brand, as {@code aliases/BRAND.json} has it.
 *
 * @param publish where to
 * @param styles by their ids
 * @param about what is said of styles, by their ids
 * @param published SHA-256 of the LoRAs that were published to all places, by their styles' ids
 */
public record BrandAliases(
        String brand,
        List<PublishPlace> publish,
        Map<String, StyleAlias> styles,
        Map<String, StyleText> about,
        Map<String, String> published) {
    public BrandAliases {
        publish = List.copyOf(publish);
        styles = Collections.unmodifiableMap(new TreeMap<>(styles));
        about = Collections.unmodifiableMap(new TreeMap<>(about));
        published = Collections.unmodifiableMap(new TreeMap<>(published));
    }

    static BrandAliases none(String brand) {
        return new BrandAliases(brand, List.of(), Map.of(), Map.of(), Map.of());
    }

    /** With other aliases of these styles. */
    BrandAliases with(Map<String, StyleAlias> changed) {
        Map<String, StyleAlias> all = new TreeMap<>(styles);
        all.putAll(changed);
        return new BrandAliases(brand, publish, all, about, published);
    }

    /** With other places and texts; elsewhere, or with other texts, nothing has been published. */
    BrandAliases with(List<PublishPlace> places, Map<String, StyleText> texts) {
        Map<String, String> still = new TreeMap<>(published);
        still.keySet()
                .removeIf(id -> !places.equals(publish) || !text(id).equals(texts.getOrDefault(id, StyleText.NONE)));
        return new BrandAliases(brand, places, styles, texts, still);
    }

    /** After these LoRAs were published: SHA-256 by the styles' ids. */
    BrandAliases withPublished(Map<String, String> more) {
        Map<String, String> all = new TreeMap<>(published);
        all.putAll(more);
        return new BrandAliases(brand, publish, styles, about, all);
    }

    StyleAlias style(String id) {
        return styles.getOrDefault(id, StyleAlias.NONE);
    }

    StyleText text(String id) {
        return about.getOrDefault(id, StyleText.NONE);
    }
}
