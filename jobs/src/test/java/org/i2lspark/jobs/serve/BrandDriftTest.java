package org.i2lspark.jobs.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.i2lspark.jobs.output.StyleVector;
import org.junit.jupiter.api.Test;

class BrandDriftTest {
    private static StyleVector vector(double siglip2Degrees, double dinov3Degrees) {
        return StyleVector.of(at(siglip2Degrees, 3), at(dinov3Degrees, 70));
    }

    private static float[] at(double degrees, double length) {
        return new float[] {
            (float) (length * Math.cos(Math.toRadians(degrees))), (float) (length * Math.sin(Math.toRadians(degrees)))
        };
    }

    @Test
    void bothEncodersCountAlikeWhateverTheirLengths() {
        BrandDrift drift =
                BrandDrift.between("aurora", Map.of("aurora/ink", vector(0, 0)), Map.of("aurora/ink", vector(60, 0)));
        // one minus the mean of cos 60° and cos 0°
        assertThat(drift.distance().getAsDouble()).isEqualTo(0.25, Offset.offset(1e-6));
        assertThat(drift.moves().get("aurora/ink")).isEqualTo(0.25, Offset.offset(1e-6));
        assertThat(drift.reaches(0.24)).isTrue();
        assertThat(drift.reaches(0.26)).isFalse();
    }

    @Test
    void stylesThatAreNotInTheRunStayWhereTheyAre() {
        Map<String, StyleVector> current = Map.of("a/0", vector(0, 0), "a/1", vector(0, 0));
        BrandDrift drift = BrandDrift.between("a", current, Map.of("a/1", vector(90, 90)));
        // the centroid of 0° and 90° is at 45°
        assertThat(drift.distance().getAsDouble()).isEqualTo(1 - Math.sqrt(0.5), Offset.offset(1e-6));
        assertThat(drift.mostMoved()).containsOnlyKeys("a/1");
    }

    @Test
    void theFiveThatMovedMostAreToldTheFarthestFirst() {
        Map<String, StyleVector> current = new TreeMap<>();
        Map<String, StyleVector> run = new TreeMap<>();
        for (int i = 0; i < 8; i++) {
            current.put("a/" + i, vector(0, 0));
            run.put("a/" + i, vector(10 * i, 0));
        }
        assertThat(BrandDrift.between("a", current, run).mostMoved().keySet())
                .containsExactly("a/7", "a/6", "a/5", "a/4", "a/3");
    }

    @Test
    void whereNothingIsCurrentNothingDrifts() {
        BrandDrift drift = BrandDrift.between("a", Map.of(), Map.of("a/0", vector(0, 0)));
        assertThat(drift.distance()).isEmpty();
        assertThat(drift.reaches(0)).isFalse();
        assertThat(drift.facts()).containsEntry("drift", null);
    }

    @Test
    void whatRoundingMovesHasNotMoved() {
        Map<String, StyleVector> current = Map.of("a/0", vector(12.3, 45.6));
        BrandDrift drift = BrandDrift.between("a", current, Map.of("a/0", vector(12.3001, 45.6)));
        assertThat(drift.distance()).hasValue(0);
        assertThat(drift.mostMoved()).isEmpty();
    }
}
