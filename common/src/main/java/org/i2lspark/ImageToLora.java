package org.i2lspark;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.i2lspark.decoder.LoraDecoder;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.SigLip2Encoder;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.StyleModel;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;

/**
 * The image-to-LoRA stack with its weights loaded: images in, embeddings and LoRAs out. The three steps stand alone so
 * that a pipeline can overlap and batch them: {@link #prepare} runs on the CPU in any number of threads, {@link #embed}
 * and {@link #decode} run on the device in batches of the caller's choice.
 *
 * <pre>{@code
 * StyleModel model = StyleModel.inspect(Path.of("models"));
 * try (ImageToLora i2l = ImageToLora.load(model, ElementType.FLOAT32, TorchDevice.CPU)) {
 *     List<PreparedImage> images = List.of(ImageToLora.prepare(model, image));
 *     List<ImageEmbedding> embeddings = i2l.embed(images);
 *     try (Lora lora = i2l.decode(List.of(embeddings), ElementType.BFLOAT16).get(0)) {
 *         lora.write(channel, KeyFormat.COMFYUI, Map.of());
 *     }
 * }
 * }</pre>
 */
public final class ImageToLora implements AutoCloseable {
    /** Side of the square crop, in pixels, that the encoders start from. */
    public static final int CROP_SIZE = 1024;

    private final SigLip2Encoder siglip2;
    private final DinoV3Encoder dinov3;
    private final LoraDecoder decoder;

    private final List<Runnable> closers = new ArrayList<>();

    private ImageToLora(StyleModel model, ElementType precision, TorchDevice device) throws IOException {
        try (TensorStore siglip2Weights = model.siglip2().open();
                TensorStore dinov3Weights = model.dinov3().open();
                TensorStore decoderWeights = model.decoder().open()) {
            this.siglip2 = SigLip2Encoder.load(siglip2Weights, model.siglip2Config(), precision, device);
            closers.add(siglip2::close);
            this.dinov3 = DinoV3Encoder.load(dinov3Weights, model.dinov3Config(), precision, device);
            closers.add(dinov3::close);
            this.decoder = LoraDecoder.load(decoderWeights, precision, device);
            closers.add(decoder::close);
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Loads the weights, in this precision, onto this device; none go onto the Java heap. */
    public static ImageToLora load(StyleModel model, ElementType precision, TorchDevice device) throws IOException {
        requireNonNull(model, "model is null");
        return new ImageToLora(model, precision, device);
    }

    /** Crops and resizes an image for the encoders of a model. Safe for use by several threads. */
    public static PreparedImage prepare(StyleModel model, RgbImage image) {
        RgbImage crop = CoverCrop.apply(image, CROP_SIZE, CROP_SIZE);
        return new PreparedImage(
                crop, SigLip2Encoder.resize(crop, model.siglip2Config().imageSize()));
    }

    /** Embeds a batch of images. */
    public List<ImageEmbedding> embed(List<PreparedImage> images) {
        List<float[]> siglip2Embeddings =
                siglip2.encode(images.stream().map(PreparedImage::siglip2Pixels).toList());
        List<float[]> dinov3Embeddings =
                dinov3.encode(images.stream().map(PreparedImage::crop).toList());
        List<ImageEmbedding> embeddings = new ArrayList<>(images.size());
        for (int i = 0; i < images.size(); i++) {
            embeddings.add(new ImageEmbedding(siglip2Embeddings.get(i), dinov3Embeddings.get(i)));
        }
        return embeddings;
    }

    /**
     * Decodes a batch of styles.
     *
     * @param styles the embeddings of each style's images, in order
     * @return a LoRA for each style, of rank 4 times its images; each is to be closed
     */
    public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType) {
        return decoder.decode(
                styles.stream()
                        .map(images ->
                                images.stream().map(ImageEmbedding::style).toList())
                        .toList(),
                loraType);
    }

    @Override
    public void close() {
        closers.forEach(Runnable::run);
        closers.clear();
    }
}
