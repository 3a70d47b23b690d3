package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.assertj.core.data.Offset;
import org.i2lspark.jobs.output.StyleVector.Space;
import org.junit.jupiter.api.Test;

class StyleVectorTest {
    private static final Offset<Double> ROUNDING = within(1e-6);

    @Test
    void eachHalfIsOfLengthOneWhateverTheEncodersGive() {
        StyleVector vector = StyleVector.of(new float[] {3, 4}, new float[] {0, 0, 500});
        assertThat(vector.siglip2()).containsExactly(0.6f, 0.8f);
        assertThat(vector.dinov3()).containsExactly(0, 0, 1);
        assertThat(StyleVector.of(new float[2], new float[] {1}).siglip2()).containsExactly(0, 0);
    }

    @Test
    void bothSpacesCountAlike() {
        StyleVector a = StyleVector.of(new float[] {1, 0}, new float[] {1000, 0});
        StyleVector b = StyleVector.of(new float[] {3, 4}, new float[] {0, 2000});
        assertThat(a.distance(b, Space.SIGLIP2)).isCloseTo(0.4, ROUNDING);
        assertThat(a.distance(b, Space.DINOV3)).isCloseTo(1, ROUNDING);
        assertThat(a.distance(b, Space.BOTH)).isCloseTo(0.7, ROUNDING);
        assertThat(a.distance(a, Space.BOTH)).isCloseTo(0, ROUNDING);
    }

    /** (1, 0) and (0, 1) meet at 45 degrees; a long embedding draws no more than a short one. */
    @Test
    void aCentroidIsTheNormalisedMeanOfUnitVectors() {
        StyleVector centroid = StyleVector.centroid(List.of(
                StyleVector.of(new float[] {1, 0}, new float[] {1, 1}),
                StyleVector.of(new float[] {0, 90}, new float[] {-3, 3})));
        assertThat(centroid.siglip2()).containsExactly(new float[] {0.70710677f, 0.70710677f}, within(1e-6f));
        assertThat(centroid.dinov3()).containsExactly(new float[] {0, 1}, within(1e-6f));
    }

    @Test
    void otherEncodersEmbeddingsAreNotCompared() {
        StyleVector a = StyleVector.of(new float[] {1}, new float[] {1});
        StyleVector b = StyleVector.of(new float[] {1, 0}, new float[] {1});
        assertThatThrownBy(() -> a.distance(b, Space.BOTH))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("Cannot compare embeddings of 1 values with others of 2");
        assertThatThrownBy(() -> StyleVector.centroid(List.of(a, b))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> StyleVector.centroid(List.of())).hasMessageContaining("there is no vector");
    }
}
