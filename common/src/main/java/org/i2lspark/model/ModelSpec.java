package org.i2lspark.model;

/**
 * The names by which others know LoRAs for a base model.
 *
 * @param architecture as SwarmUI's classes of models have it, in the form of Stability AI's ModelSpec
 * @param implementation of the base model, as musubi-tuner's ModelSpec has it
 * @param managed the base model's name in the lists of Civitai and of ComfyUI-Lora-Manager, which takes it from
 *     {@code ss_base_model_version}
 */
public record ModelSpec(String architecture, String implementation, String managed) {}
