package org.i2lspark;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.i2lspark.decoder.Bias;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.decoder.LoraDecoder;
import org.i2lspark.decoder.LoraMerger;
import org.i2lspark.encoder.CropUploader;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.QwenVlEncoder;
import org.i2lspark.encoder.SigLip2Encoder;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.I2lModel;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.DeviceMemoryException;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.UnusableLibraryException;

/**
 * The image-to-LoRA stack with its weights loaded: images in, embeddings and LoRAs out. The three steps stand alone so
 * that a pipeline can overlap and batch them: {@link #prepare} runs on the CPU in any number of threads, {@link #embed}
 * and {@link #decode} run on the device in batches of the caller's choice.
 *
 * <pre>{@code
 * I2lModel model = I2lModel.inspect(Path.of("models"), Set.of(Variant.STYLE));
 * try (ImageToLora i2l = ImageToLora.load(model, ElementType.FLOAT32, TorchDevice.CPU, ImagePositions.GRID)) {
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

    /** Side of the square crop, in pixels, that the Coarse decoder's hidden states start from. */
    public static final int COARSE_CROP_SIZE = 224;

    private static final float[] NO_RESIDUAL = new float[0];

    private final SigLip2Encoder siglip2;
    private final DinoV3Encoder dinov3;
    private final QwenVlEncoder qwenVl;
    private final List<LoraDecoder> decoders = new ArrayList<>();
    private final LoraMerger merger;
    private final TorchDevice device;
    private final CropUploader uploader;
    private final Halving halving = new Halving();
    private final List<Runnable> closers = new ArrayList<>();

    private ImageToLora(I2lModel model, ElementType precision, TorchDevice device, ImagePositions positions)
            throws IOException {
        this.device = device;
        this.uploader = new CropUploader(device);
        closers.add(uploader::close);
        try {
            this.siglip2 = loadSigLip2(model, precision, device);
            closers.add(siglip2::close);
            this.dinov3 = loadDinoV3(model, precision, device);
            closers.add(dinov3::close);
            this.qwenVl = model.qwenVl().isPresent() ? loadQwenVl(model, precision, device, positions) : null;
            if (qwenVl != null) {
                closers.add(qwenVl::close);
            }
            for (I2lModel.Decoder file : model.decoders()) {
                LoraDecoder decoder = loadDecoder(file, precision, device);
                decoders.add(decoder);
                closers.add(decoder::close);
            }
            Bias bias = model.bias().isPresent() ? loadBias(model, precision, device) : null;
            if (bias != null) {
                closers.add(bias::close);
            }
            this.merger = new LoraMerger(decoders, bias, device, 0);
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    /**
     * Loads the weights that the model's variants need, in this precision, onto this device; none go onto the Java heap.
     *
     * @param positions of image cells in Qwen2.5-VL; of no account when the variants do not need it
     * @throws UnusableLibraryException if this process has no libtorch, naming what to add or set
     */
    public static ImageToLora load(I2lModel model, ElementType precision, TorchDevice device, ImagePositions positions)
            throws IOException {
        requireNonNull(model, "model is null");
        Torch.requireUsable();
        return new ImageToLora(model, precision, device, positions);
    }

    private static SigLip2Encoder loadSigLip2(I2lModel model, ElementType precision, TorchDevice device)
            throws IOException {
        try (TensorStore weights = model.siglip2().checkpoint().open()) {
            return SigLip2Encoder.load(weights, model.siglip2().config(), precision, device, CROP_SIZE);
        }
    }

    private static DinoV3Encoder loadDinoV3(I2lModel model, ElementType precision, TorchDevice device)
            throws IOException {
        try (TensorStore weights = model.dinov3().checkpoint().open()) {
            return DinoV3Encoder.load(weights, model.dinov3().config(), precision, device);
        }
    }

    static QwenVlEncoder loadQwenVl(I2lModel model, ElementType precision, TorchDevice device, ImagePositions positions)
            throws IOException {
        I2lModel.Encoder<QwenVlConfig> encoder = model.qwenVl().orElseThrow();
        try (TensorStore weights = encoder.checkpoint().open()) {
            return QwenVlEncoder.load(weights, encoder.config(), precision, device, positions);
        }
    }

    static LoraDecoder loadDecoder(I2lModel.Decoder decoder, ElementType precision, TorchDevice device)
            throws IOException {
        try (TensorStore weights = decoder.checkpoint().open()) {
            return LoraDecoder.load(weights, decoder.layout().kind(), precision, device);
        }
    }

    private static Bias loadBias(I2lModel model, ElementType precision, TorchDevice device) throws IOException {
        try (TensorStore weights = model.bias().orElseThrow().open()) {
            return Bias.load(weights, model.decoders().get(0).layout(), precision, device);
        }
    }

    /** Crops an image for the encoders of a model. Safe for use by several threads. */
    public static PreparedImage prepare(I2lModel model, RgbImage image) {
        return new PreparedImage(cropSizes(model).stream()
                .map(size -> CoverCrop.apply(image, size, size))
                .toList());
    }

    /** Sides of the square crops, in pixels, that the model starts from. */
    public static List<Integer> cropSizes(I2lModel model) {
        boolean coarse =
                model.decoders().stream().anyMatch(decoder -> decoder.layout().kind() == DecoderKind.COARSE);
        return coarse ? List.of(CROP_SIZE, COARSE_CROP_SIZE) : List.of(CROP_SIZE);
    }

    /**
     * Embeds a batch of images, or its halves one after the other where the memory does not hold all.
     *
     * @throws DeviceMemoryException if the memory does not hold a single image
     */
    public List<ImageEmbedding> embed(List<PreparedImage> images) {
        return halving.run(images, this::embedTogether, embedding -> {}, "Cannot embed an image on " + device);
    }

    private List<ImageEmbedding> embedTogether(List<PreparedImage> images) {
        try (TensorScope temporary = new TensorScope()) {
            List<Tensor> crops = new ArrayList<>();
            for (int size = 0; size < images.get(0).crops().size(); size++) {
                crops.add(upload(temporary, images, size));
            }
            List<float[]> siglip2Embeddings = siglip2.encode(crops.get(0));
            List<float[]> dinov3Embeddings = dinov3.encode(crops.get(0));
            List<List<float[]>> residuals = new ArrayList<>();
            for (LoraDecoder decoder : decoders) {
                residuals.add(residuals(crops, images.size(), decoder));
            }
            List<ImageEmbedding> embeddings = new ArrayList<>(images.size());
            for (int i = 0; i < images.size(); i++) {
                int image = i;
                embeddings.add(new ImageEmbedding(
                        siglip2Embeddings.get(i),
                        dinov3Embeddings.get(i),
                        residuals.stream().map(decoder -> decoder.get(image)).toList()));
            }
            return embeddings;
        }
    }

    private Tensor upload(TensorScope scope, List<PreparedImage> images, int size) {
        return uploader.upload(
                scope, images.stream().map(image -> image.crops().get(size)).toList());
    }

    private List<float[]> residuals(List<Tensor> crops, int images, LoraDecoder decoder) {
        return switch (decoder.layout().kind()) {
            case STYLE -> Collections.nCopies(images, NO_RESIDUAL);
            case COARSE -> residuals(crops.get(1), decoder);
            case FINE -> residuals(crops.get(0), decoder);
        };
    }

    private List<float[]> residuals(Tensor crops, LoraDecoder decoder) {
        try (TensorScope temporary = new TensorScope()) {
            return decoder.residuals(qwenVl.encode(temporary, crops));
        }
    }

    /** How often a batch was halved since the weights were loaded, because the memory did not hold it. */
    public int halvings() {
        return halving.count();
    }

    /**
     * Decodes a batch of styles, or its halves one after the other where the memory does not hold all.
     *
     * @param styles the embeddings of each style's images, in order
     * @return a LoRA for each style, of rank 4 times its images and decoders, and 4 more with a Bias; each is to be closed
     * @throws DeviceMemoryException if the memory does not hold a single style
     */
    public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType) {
        return decode(styles, loraType, 0);
    }

    /**
     * Decodes a batch of styles as {@link #decode(List, ElementType)} does, and brings LoRAs of a higher rank to this one:
     * each delta becomes the closest one of that rank.
     *
     * @param highestRank 0 for none
     */
    public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType, int highestRank) {
        return halving.run(
                styles,
                batch -> decodeTogether(batch, loraType, highestRank),
                Lora::close,
                "Cannot decode a style on " + device);
    }

    /**
     * Bytes of host memory that the LoRA of a style takes from {@link #decode} on until it is closed. On a GPU they are kept
     * for the LoRAs that follow.
     *
     * @param images of the style
     * @param highestRank to which it is reduced; 0 for none
     */
    public static long loraBytes(
            I2lModel model, int images, ElementType loraType, int highestRank, TorchDevice device) {
        int rank = DecoderLayout.RANK
                * (images * model.decoders().size() + (model.bias().isPresent() ? 1 : 0));
        return LoraMerger.loraBytes(
                model.decoders().get(0).layout(),
                highestRank == 0 ? rank : Math.min(rank, highestRank),
                loraType,
                device);
    }

    private List<Lora> decodeTogether(List<List<ImageEmbedding>> styles, ElementType loraType, int highestRank) {
        List<List<LoraMerger.Input>> inputs = styles.stream()
                .map(images -> images.stream()
                        .map(image -> new LoraMerger.Input(image.style(), image.residuals()))
                        .toList())
                .toList();
        return merger.merge(inputs, loraType, highestRank);
    }

    @Override
    public void close() {
        closers.forEach(Runnable::run);
        closers.clear();
    }
}
