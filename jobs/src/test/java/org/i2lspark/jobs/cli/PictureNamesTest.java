package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.cli.PictureNames.Wanted;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PictureNamesTest {
    private static final List<Wanted> TWO = List.of(new Wanted("a/cat “你”", 3), new Wanted("a dog", 3));

    @Test
    void onePictureHasTheNameThatItIsGiven() throws UnusableException {
        assertThat(PictureNames.of("x/cat.png", TWO.subList(0, 1))).containsExactly("x/cat.png");
        assertThat(PictureNames.of("x/{seed}.PNG", TWO.subList(0, 1))).containsExactly("x/3.PNG");
    }

    @ParameterizedTest
    @ValueSource(strings = {"pets", "pets/", "pets//"})
    void severalGoIntoAFolder(String folder) throws UnusableException {
        assertThat(PictureNames.of(folder, TWO)).containsExactly("pets/1-a_cat_你_-3.png", "pets/2-a_dog-3.png");
    }

    @Test
    void severalAreNamedByAPattern() throws UnusableException {
        assertThat(PictureNames.of("{prompt}.png", TWO)).containsExactly("a_cat_你_.png", "a_dog.png");
        assertThat(PictureNames.of("p{number}.png", TWO)).containsExactly("p1.png", "p2.png");
    }

    @ParameterizedTest
    @ValueSource(strings = {"cat.png", "{seed}.png"})
    void twoOfOneNameAreRefused(String output) {
        assertThatThrownBy(() -> PictureNames.of(output, TWO))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Invalid --output: " + output);
    }

    @ParameterizedTest
    @CsvSource({
        "a.safetensors, a.safetensors, 1",
        "a.safetensors:0.8, a.safetensors, 0.8",
        "a.safetensors:-1, a.safetensors, -1",
        "a.safetensors:.5, a.safetensors, .5",
        "s3a://bucket/a.safetensors, s3a://bucket/a.safetensors, 1",
        "s3a://bucket/a.safetensors:2, s3a://bucket/a.safetensors, 2",
        "'C:\\loras\\a.safetensors', 'C:\\loras\\a.safetensors', 1",
        "'C:\\loras\\a.safetensors:0.5', 'C:\\loras\\a.safetensors', 0.5",
        "a:b.safetensors, a:b.safetensors, 1",
        "a:NaN, a:NaN, 1"
    })
    void onlyANumberBehindTheLastColonIsAStrength(String text, String location, double strength) {
        assertThat(WeightedLoraFile.parse(text)).isEqualTo(new WeightedLoraFile(location, strength));
    }
}
