package org.i2lspark;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.decoder.LoraMerger;
import org.i2lspark.encoder.CropUploader;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.I2lModel;
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
 * I2lModel model = I2lModel.inspect(Path.of("models"), BaseModel.QWEN_IMAGE, Set.of(Variant.STYLE));
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

    private final DeviceShare share;
    private final Optional<DeviceShare.Part<Encoders>> encoders;
    private final DeviceShare.Part<Decoders> decoders;
    private final MemoryPlan plan;
    private final TorchDevice device;
    private final CropUploader uploader;
    private final Halving halving = new Halving();

    private ImageToLora(
            I2lModel model, ElementType precision, TorchDevice device, ImagePositions positions, MemoryPlan plan)
            throws IOException {
        this.device = device;
        this.plan = plan;
        this.uploader = new CropUploader(device);
        this.share = new DeviceShare(plan.way(), device);
        this.encoders = model.encoders()
                .map(ignored -> share.add(() -> new Encoders(model, precision, device, positions, plan)));
        this.decoders = share.add(() -> new Decoders(model, precision, device, plan));
        share.load();
    }

    /**
     * Loads the weights that the model's variants need, in this precision, onto this device; none go onto the Java heap.
     *
     * @param positions of image cells in Qwen2.5-VL; of no account when the variants do not need it
     * @throws UnusableLibraryException if this process has no libtorch, naming what to add or set
     */
    public static ImageToLora load(I2lModel model, ElementType precision, TorchDevice device, ImagePositions positions)
            throws IOException {
        return load(model, precision, device, positions, MemoryPlan.everything(Integer.MAX_VALUE));
    }

    /** Loads the weights as far as a plan says that they are to be in the device's memory; the results are the same. */
    public static ImageToLora load(
            I2lModel model, ElementType precision, TorchDevice device, ImagePositions positions, MemoryPlan plan)
            throws IOException {
        requireNonNull(model, "model is null");
        Torch.requireUsable();
        return new ImageToLora(model, precision, device, positions, plan);
    }

    /** How many images are worth embedding before decoding. */
    public int chunk() {
        return plan.chunk();
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
     * @throws IllegalStateException if the model is one for embeddings, without encoders
     * @throws DeviceMemoryException if the memory does not hold a single image
     */
    public List<ImageEmbedding> embed(List<PreparedImage> images) {
        return halving.run(images, this::embedTogether, embedding -> {}, "Cannot embed an image on " + device);
    }

    private List<ImageEmbedding> embedTogether(List<PreparedImage> images) {
        DeviceShare.Part<Encoders> present =
                encoders.orElseThrow(() -> new IllegalStateException("The model has no encoders"));
        try (TensorScope temporary = new TensorScope()) {
            List<Tensor> crops = new ArrayList<>();
            for (int size = 0; size < images.get(0).crops().size(); size++) {
                crops.add(upload(temporary, images, size));
            }
            return share.use(present, loaded -> loaded.embed(crops));
        }
    }

    private Tensor upload(TensorScope scope, List<PreparedImage> images, int size) {
        return uploader.upload(
                scope, images.stream().map(image -> image.crops().get(size)).toList());
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
        return share.use(decoders, loaded -> loaded.merger().merge(inputs, loraType, highestRank));
    }

    @Override
    public void close() {
        share.close();
        uploader.close();
    }
}
