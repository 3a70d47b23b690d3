package org.i2lspark.decoder;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.torch.BlockWeights;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/** The part of a Coarse or Fine decoder that looks at the hidden states of Qwen2.5-VL. */
public final class ResidualLayers implements AutoCloseable {
    /** Few enough to be large products, and enough that one need not take much memory. */
    static final int SLICES = 8;

    private final DecoderKind kind;
    private final TensorScope scope;
    private final BlockWeights slices;

    /** Loads that part of a checkpoint of this layout. */
    public static ResidualLayers load(
            TensorSource checkpoint,
            DecoderLayout layout,
            ElementType precision,
            TorchDevice device,
            BlockWeights.Placement placement)
            throws IOException {
        return WeightLoader.load(
                checkpoint, precision, device, (loader, scope) -> new ResidualLayers(layout, loader, scope, placement));
    }

    private ResidualLayers(
            DecoderLayout layout, WeightLoader loader, TensorScope scope, BlockWeights.Placement placement)
            throws IOException {
        this.kind = layout.kind();
        this.scope = scope;
        List<String> in = layout.residualWeights("proj_in");
        List<String> out = layout.residualWeights("proj_out");
        int length = (in.size() + SLICES - 1) / SLICES;
        List<List<List<String>>> names = new ArrayList<>();
        for (int first = 0; first < in.size(); first += length) {
            int end = Math.min(first + length, in.size());
            names.add(List.of(in.subList(first, end), out.subList(first, end)));
        }
        this.slices = loader.loadStackedBlocks(scope, names, placement);
    }

    /** The decoder's kind. */
    public DecoderKind kind() {
        return kind;
    }

    /**
     * What the decoder adds to its compressed vectors, a row an image.
     *
     * @param tokens {@code [images, kind().tokens(), hidden size]}
     */
    public List<float[]> residuals(Tensor tokens) {
        List<List<float[]>> parts = new ArrayList<>();
        slices.forEach((slice, weights) -> {
            try (TensorScope temporary = new TensorScope()) {
                parts.add(LoraDecoder.GRAPH
                        .call(temporary, "residual", tokens, weights.get(0), weights.get(1))
                        .toFloatRows());
            }
        });
        List<float[]> rows = new ArrayList<>();
        for (int image = 0; image < parts.get(0).size(); image++) {
            int row = image;
            rows.add(joined(parts.stream().map(part -> part.get(row)).toList()));
        }
        return rows;
    }

    private static float[] joined(List<float[]> parts) {
        float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    @Override
    public void close() {
        slices.close();
        scope.close();
    }
}
