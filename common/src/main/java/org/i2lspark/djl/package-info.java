/**
 * The image-to-LoRA stack as an engine of DJL, {@code I2L}, found by service provider.
 *
 * <pre>{@code
 * Criteria<byte[], byte[]> criteria = Criteria.builder()
 *         .setTypes(byte[].class, byte[].class)
 *         .optEngine("I2L")
 *         .optModelUrls("file:///models/")
 *         .optArgument("variants", "style")
 *         .optTranslatorFactory(new I2lTranslatorFactory())
 *         .build();
 * try (ZooModel<byte[], byte[]> model = criteria.loadModel();
 *         Predictor<byte[], byte[]> predictor = model.newPredictor()) {
 *     byte[] lora = predictor.predict(image);
 * }
 * }</pre>
 */
package org.i2lspark.djl;
