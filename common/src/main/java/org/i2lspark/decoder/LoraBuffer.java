package org.i2lspark.decoder;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.Reduction;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/**
 * The memory of a LoRA in the making. Its elements are put into their places on the device, one bucket after the other, then
 * brought to a lower rank if so wished, and then copied to the host as a whole; on the CPU both are the same memory.
 */
final class LoraBuffer implements AutoCloseable {
    private final LoraLayout layout;
    private final TorchDevice device;
    private final TensorScope hostMemory = new TensorScope();
    private final int wholeRank;
    private final Tensor whole;
    private final Tensor elements;
    private List<Tensor> pieces = List.of();
    private Optional<Reduction> reduction = Optional.empty();

    /**
     * Takes memory on the device.
     *
     * @param wholeRank of the LoRA before it is reduced to the layout's rank
     * @param temporary owns what is not the LoRA's in the end
     */
    LoraBuffer(LoraLayout layout, int wholeRank, TorchDevice device, TensorScope temporary) {
        this.layout = layout;
        this.wholeRank = wholeRank;
        this.device = device;
        try {
            this.elements = Tensors.empty(
                    device.isCpu() ? hostMemory : temporary, List.of(layout.elements()), layout.type(), device);
            // a reduction starts from what the decoders gave, not from what a file holds of it
            this.whole = wholeRank == layout.rank()
                    ? elements
                    : Tensors.empty(
                            temporary,
                            List.of(layout.elements() / layout.rank() * wholeRank),
                            ElementType.FLOAT32,
                            device);
        } catch (Throwable e) {
            hostMemory.close();
            throw e;
        }
    }

    int wholeRank() {
        return wholeRank;
    }

    /** All elements before a reduction, on the device. */
    Tensor whole() {
        return whole;
    }

    /** Brings the LoRA to the layout's rank, when all has been put. */
    void reduce(RankReducer reducer) {
        if (wholeRank != layout.rank()) {
            reduction = Optional.of(reducer.reduce(whole, wholeRank, elements, layout.rank()));
            whole.close();
        }
    }

    /** Turns buffers into LoRAs, when all has been put and reduced. They own the buffers' memory on the host from then on. */
    static List<Lora> toLoras(List<LoraBuffer> buffers) {
        try (TensorScope views = new TensorScope()) {
            List<Tensor> onDevice = new ArrayList<>();
            List<Tensor> onHost = new ArrayList<>();
            for (LoraBuffer buffer : buffers) {
                if (buffer.device.isCpu()) {
                    buffer.pieces = buffer.slices(buffer.hostMemory);
                } else {
                    buffer.pieces = buffer.takeHostMemory();
                    onDevice.addAll(buffer.slices(views));
                    onHost.addAll(buffer.pieces);
                }
            }
            if (!onDevice.isEmpty()) {
                Tensors.copyAll(onDevice, onHost);
            }
        }
        return buffers.stream().map(LoraBuffer::toLora).toList();
    }

    private List<Tensor> slices(TensorScope scope) {
        return layout.pieces().stream()
                .map(piece -> Tensors.flatSlice(scope, elements, piece.start(), piece.length()))
                .toList();
    }

    /** The device works on meanwhile: this needs nothing of what is on it. */
    private List<Tensor> takeHostMemory() {
        return layout.pieces().stream()
                .map(piece -> Tensors.emptyStaging(hostMemory, List.of(piece.length()), layout.type(), device))
                .toList();
    }

    private Lora toLora() {
        return new Lora(
                layout.type(),
                layout.places(),
                pieces.stream().map(Tensor::memory).toList(),
                hostMemory,
                reduction);
    }

    @Override
    public void close() {
        hostMemory.close();
    }
}
