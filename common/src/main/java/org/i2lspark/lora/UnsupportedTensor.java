package org.i2lspark.lora;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** Names what a tensor is that no LoRA of a known transformer's linear layers holds: another kind of adapter, or another base model. */
final class UnsupportedTensor {
    private record Kind(String name, Pattern pattern) {
        Kind(String name, String regex) {
            this(name, Pattern.compile(regex));
        }
    }

    private static final List<Kind> ADAPTERS = List.of(
            new Kind("LoKr", "\\.lokr_"),
            new Kind("LoHa", "\\.hada_"),
            new Kind("DoRA", "\\.(dora_scale|lora_magnitude_vector)"),
            new Kind("BOFT", "\\.boft_"),
            new Kind("OFT", "\\.oft_"),
            new Kind("IA3", "\\.(ia3_|on_input$)"),
            new Kind("VeRA", "\\.?vera_"),
            new Kind("KaSA", "\\.lora_diag"),
            new Kind("GLoRA", "\\.[ab][12]\\.weight$"),
            new Kind("a LoRA of convolutions (LoCon, lora_mid)", "\\.lora_mid"),
            new Kind("a LoRA of embeddings (lora_embedding)", "\\.lora_embedding_"),
            new Kind("a LoRA with biases (lora_bias)", "lora[._](A|B|down|up)(\\..+)?\\.bias$"),
            new Kind(
                    "full differences of weights (diff)",
                    "\\.(diff|diff_b|diff_m|set_weight|reshape_weight|w_norm|b_norm)$"));

    private static final List<Kind> BASES = List.of(
            new Kind(
                    "a text encoder or another language model",
                    "^(lora_te\\d?_|te\\d?[._]|text_encoders?[._\\d]|conditioner\\.|cond_stage_model\\.|llm[._]|lycoris_(te|text_encoder))"
                            + "|text_model|(clip_[lg]|t5xxl|qwen25_7b|qwen2_5_vl|language_model)[._]|(^|[._])layers[._]\\d+[._](self_attn|mlp)[._]"),
            new Kind("HunyuanVideo", "double_blocks\\.\\d+\\.(img|txt)_attn_|individual_token_refiner"),
            new Kind("HiDream", "(double|single)_stream_blocks"),
            new Kind("Chroma", "distilled_guidance_layer"),
            new Kind("Flux", "single_transformer_blocks"),
            new Kind("Flux or HunyuanVideo", "(double|single)_blocks[._]\\d"),
            new Kind("Stable Diffusion 3", "joint_blocks[._]\\d"),
            new Kind(
                    "Stable Diffusion 1.5 or XL",
                    "(^|[._])(down_blocks|up_blocks|mid_block|input_blocks|output_blocks|middle_block)[._]"),
            new Kind("Lumina", "context_refiner|noise_refiner|layers[._]\\d+[._](attention|feed_forward|adaLN)"),
            new Kind("Wan", "(^|[._])blocks[._]\\d+[._](self_attn|cross_attn|ffn|attn1|attn2)[._]"),
            new Kind("LTX-Video, PixArt or another with two attentions", "transformer_blocks[._]\\d+[._]attn[12][._]"),
            new Kind(
                    "Flux or Stable Diffusion 3",
                    "transformer_blocks[._]\\d+[._](ff|ff_context|norm1|norm1_context)[._]"));

    /** Base models of which some layers are named, and sized, as Qwen-Image's are. */
    private static final List<Kind> NAMESAKES = List.of(
            new Kind("Flux", "(?i)flux|kontext"),
            new Kind("Chroma", "(?i)chroma"),
            new Kind("Stable Diffusion 3", "(?i)sd3|stable-diffusion-3"),
            new Kind("HunyuanVideo", "(?i)hunyuan"));

    private UnsupportedTensor() {}

    /** Another kind of adapter that a tensor is of, as a sentence, if its name says so. */
    static Optional<String> adapter(String key) {
        return named(ADAPTERS, key)
                .map("it is %s, which is not supported (expected a LoRA of linear layers)"::formatted);
    }

    /** What else a tensor that is of no known layer is, as a sentence, if its name says so. */
    static Optional<String> other(String key) {
        return named(BASES, key)
                .map(base -> "it is for %s, not for %s".formatted(base, Transformer.titles()))
                .or(() -> TensorName.isWholeLayer(key)
                        ? Optional.of("it holds whole weights (modules_to_save, bias), which is not supported"
                                + " (expected a LoRA of linear layers)")
                        : Optional.empty());
    }

    /** Another base model that a header or config names, if it is one whose layers are named as Qwen-Image's. */
    static Optional<String> otherBase(String baseModel) {
        return baseModel.toLowerCase(Locale.ROOT).contains("qwen") ? Optional.empty() : named(NAMESAKES, baseModel);
    }

    private static Optional<String> named(List<Kind> kinds, String key) {
        return kinds.stream()
                .filter(kind -> kind.pattern().matcher(key).find())
                .map(Kind::name)
                .findFirst();
    }
}
