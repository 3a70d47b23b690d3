package org.i2lspark.lora;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** What a LoRA's header says of it, {@code __metadata__}, once its factors are written anew. */
final class LoraHeader {
    /** The rank, as files of this project say it. */
    static final String RANK = "i2l.rank";

    /** The name on the hub of the base model, as files of this project say it. */
    static final String BASE_MODEL = "i2l.base_model";

    /** Strength, rank and hashes of the factors as they were: a scale is baked in, ranks and names are others. */
    private static final Pattern OUTDATED =
            Pattern.compile("(?i)lora_adapter_metadata|(ss_)?network_(alpha|dim|args|module)"
                    + "|ss_(conv_(alpha|dim)|lora_alpha|lora_dim|rank)|sshs_.*|modelspec\\.hash_sha256"
                    + "|((lora|transformer|peft|linear|default)[_.])*(r|rank|alpha|lora_rank|lora_alpha|rank_pattern|alpha_pattern|use_rslora|scale|scaling)"
                    + "|(adapter|lora|peft)_config");

    private LoraHeader() {}

    /** What still holds of a header for factors of this rank and a scale of one. */
    static Map<String, String> of(Map<String, String> header, int rank) {
        Map<String, String> still = new TreeMap<>(header);
        still.keySet().removeIf(field -> OUTDATED.matcher(field).matches());
        still.putIfAbsent("format", "pt");
        still.computeIfPresent(RANK, (field, said) -> String.valueOf(rank));
        return still;
    }
}
