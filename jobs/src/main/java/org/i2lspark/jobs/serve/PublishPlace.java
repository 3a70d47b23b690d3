package org.i2lspark.jobs.serve;

import java.util.Locale;

/**
 * Where LoRAs are published under names that do not change.
 *
 * @param to folder: an absolute path or a URI
 */
public record PublishPlace(String to, Layout layout) {
    /** What lies beside a LoRA. */
    public enum Layout {
        /** {@code BRAND/STYLE.safetensors}, a preview and metadata, as ComfyUI-Lora-Manager reads them. */
        COMFYUI,
        /** {@code BRAND/STYLE/pytorch_lora_weights.safetensors}, as diffusers reads a folder. */
        DIFFUSERS,
        /** {@code BRAND/STYLE.safetensors} alone. */
        PLAIN;

        /** As a brand file says it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
