package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.torch.BlockWeights;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/**
 * The language model of Qwen2.5-VL as Qwen-Image's text encoder: tokens in, hidden states out. Neither the vision tower nor the
 * output head is loaded, and of the token embedding only the rows that a prompt uses are read, when it is encoded.
 */
public final class PromptEncoder implements AutoCloseable {
    private final TensorSource checkpoint;
    private final QwenVlConfig config;
    private final ElementType precision;
    private final TorchDevice device;
    private final TensorScope scope;
    private final QwenLanguageModel model;

    /** Loads the weights of a checkpoint whose layout is {@code config.layout()}. */
    public static PromptEncoder load(
            TensorSource checkpoint,
            QwenVlConfig config,
            ElementType precision,
            TorchDevice device,
            BlockWeights.Placement placement)
            throws IOException {
        return WeightLoader.load(
                checkpoint,
                precision,
                device,
                (loader, scope) -> new PromptEncoder(
                        checkpoint,
                        config,
                        precision,
                        device,
                        scope,
                        new QwenLanguageModel(config, loader, scope, placement)));
    }

    private PromptEncoder(
            TensorSource checkpoint,
            QwenVlConfig config,
            ElementType precision,
            TorchDevice device,
            TensorScope scope,
            QwenLanguageModel model) {
        this.checkpoint = checkpoint;
        this.config = config;
        this.precision = precision;
        this.device = device;
        this.scope = scope;
        this.model = model;
    }

    /**
     * Encodes a text.
     *
     * @param ids of its tokens, more than are dropped
     * @param dropped hidden states at the start that are not used
     * @return hidden states after the final norm, {@code [tokens - dropped, hiddenSize]}
     */
    public PromptEmbedding encode(List<Integer> ids, int dropped) throws IOException {
        return WeightLoader.load(checkpoint, precision, device, (loader, temporary) -> {
            try (temporary) {
                Tensor tokens = loader.loadRows(temporary, QwenLanguageModel.EMBEDDING, ids);
                Tensor noCells =
                        Tensors.empty(temporary, List.of(1L, 0L, (long) config.hiddenSize()), precision, device);
                Tensor states = model.read(temporary, noCells, tokens, 0, 0, ImagePositions.SEQUENTIAL, dropped);
                Tensor onHost = QwenLanguageModel.GRAPH.call(temporary, "to_host", states);
                return new PromptEmbedding(
                        ids.size() - dropped, onHost.toFloatRows().get(0));
            }
        });
    }

    @Override
    public void close() {
        model.close();
        scope.close();
    }
}
