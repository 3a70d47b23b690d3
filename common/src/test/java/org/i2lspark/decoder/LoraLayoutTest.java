package org.i2lspark.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.i2lspark.decoder.DecoderLayout.Module;
import org.i2lspark.decoder.FactorBucket.Kind;
import org.i2lspark.lora.Transformer;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.Test;

class LoraLayoutTest {
    private static final TorchDevice GPU = TorchDevice.gpu(0);
    /** As released: 720 modules. */
    private static final List<FactorBucket> BUCKETS =
            FactorBucket.of(DecoderLayout.of(DecoderKind.STYLE, Transformer.QWEN_IMAGE, 5632, 0, 1)
                    .modules());

    @Test
    void aLoraOfOneImageIsOnePieceOfPinnedMemory() {
        LoraLayout layout = LoraLayout.of(BUCKETS, 4, ElementType.BFLOAT16, GPU);
        assertThat(layout.elements()).isEqualTo(29_491_200);
        assertThat(layout.pieces()).hasSize(1);
        assertThat(LoraLayout.hostBytes(BUCKETS, 4, ElementType.BFLOAT16, GPU)).isEqualTo(64 << 20);
        assertThat(LoraLayout.hostBytes(BUCKETS, 4, ElementType.BFLOAT16, TorchDevice.CPU))
                .isEqualTo(58_982_400);
    }

    @Test
    void aLargerLoraTakesSeveralOfTheSameSize() {
        LoraLayout layout = LoraLayout.of(BUCKETS, 20, ElementType.BFLOAT16, GPU);
        long next = 0;
        for (LoraLayout.Piece piece : layout.pieces()) {
            assertThat(piece.start()).isEqualTo(next);
            assertThat(piece.length() * 2).isBetween(1L, 64L << 20);
            next += piece.length();
        }
        assertThat(next).isEqualTo(147_456_000);
        assertThat(LoraLayout.hostBytes(BUCKETS, 20, ElementType.BFLOAT16, GPU)).isEqualTo((4 * 64 + 32) << 20);
    }

    @Test
    void modulesOfOneShapeStandTogetherInTheSameOrder() {
        for (FactorBucket a : BUCKETS) {
            for (FactorBucket b : BUCKETS) {
                if (a.kind() == Kind.A && b.kind() == Kind.B) {
                    List<Module> shared =
                            a.modules().stream().filter(b.modules()::contains).toList();
                    if (!shared.isEmpty()) {
                        assertThat(a.modules()).containsSubsequence(shared);
                        assertThat(run(a, shared)).isEqualTo(shared);
                        assertThat(run(b, shared)).isEqualTo(shared);
                    }
                }
            }
        }
    }

    private static List<Module> run(FactorBucket bucket, List<Module> modules) {
        int first = bucket.modules().indexOf(modules.get(0));
        return bucket.modules().subList(first, first + modules.size());
    }
}
