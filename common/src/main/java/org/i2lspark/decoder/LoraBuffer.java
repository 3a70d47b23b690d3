package org.i2lspark.decoder;

import java.util.ArrayList;
import java.util.List;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/**
 * The memory of a LoRA in the making. Its elements are put into their places on the device, one bucket after the other, and
 * then copied to the host as a whole; on the CPU both are the same memory.
 */
final class LoraBuffer implements AutoCloseable {
    private final LoraLayout layout;
    private final TorchDevice device;
    private final TensorScope hostMemory = new TensorScope();
    private final Tensor elements;
    private List<Tensor> pieces = List.of();

    /**
     * Takes memory on the device.
     *
     * @param deviceMemory owns it, if the device is not the CPU
     */
    LoraBuffer(LoraLayout layout, TorchDevice device, TensorScope deviceMemory) {
        this.layout = layout;
        this.device = device;
        try {
            this.elements = Tensors.empty(
                    device.isCpu() ? hostMemory : deviceMemory, List.of(layout.elements()), layout.type(), device);
        } catch (Throwable e) {
            hostMemory.close();
            throw e;
        }
    }

    int rank() {
        return layout.rank();
    }

    /** All elements, on the device. */
    Tensor elements() {
        return elements;
    }

    /** Turns buffers into LoRAs, when all has been put. They own the buffers' memory on the host from then on. */
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
                hostMemory);
    }

    @Override
    public void close() {
        hostMemory.close();
    }
}
