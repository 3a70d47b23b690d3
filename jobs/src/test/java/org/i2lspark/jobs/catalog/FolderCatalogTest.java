package org.i2lspark.jobs.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderCatalogTest {
    @TempDir
    private Path folder;

    @Test
    void eachFolderWithImagesIsAStyle() throws IOException {
        touch("acme/waves/b.JPG", "acme/waves/a.png", "acme/waves/notes.txt", "acme/bold lines/x.webp", "zen/1.tiff");
        touch("acme/.hidden/y.png", ".thumbs/z.png", "zen/.z.png", "empty/readme.md");
        assertThat(read())
                .extracting(Style::id, Style::brand, style -> names(style.images()))
                .containsExactlyInAnyOrder(
                        tuple("acme/bold lines", "acme", List.of("x.webp")),
                        tuple("acme/waves", "acme", List.of("a.png", "b.JPG")),
                        tuple("zen", null, List.of("1.tiff")));
    }

    @Test
    void anImageDirectlyInTheFolderIsAStyleOfItsOwn() throws IOException {
        touch("sunset.jpg", "dawn.png", "dawn.jpg", "night.gif", "night/1.png");
        assertThat(read())
                .extracting(Style::id)
                .containsExactlyInAnyOrder("night", "dawn.jpg", "dawn.png", "night.gif", "sunset");
    }

    @Test
    void imagesThatCannotBeReadAreNotPassedOver() throws IOException {
        touch("phone/a.heic", "phone/b.avif");
        assertThat(read()).hasSize(1);
    }

    @Test
    void whatSystemsPutBesideImagesIsPassedOver() throws IOException {
        touch("look/a.jpg", "#recycle/old.jpg", "$RECYCLE.BIN/S-1-5-21/$R0.jpg", "look/@eaDir/a.jpg/thumb.jpg");
        touch("look/._a.jpg", ".Trash-1000/files/b.png", "__MACOSX/look/a.jpg", "look/deep/Lost+Found/c.png");
        assertThat(read())
                .extracting(Style::id, style -> names(style.images()))
                .containsExactly(tuple("look", List.of("a.jpg")));
    }

    @Test
    void allEndingsOfJpegAndItsLikeAreImages() throws IOException {
        touch("look/a.jfif", "look/b.JPE", "look/c.jfi", "look/d.pjpeg", "look/e.dib", "look/f.apng", "look/g.psd");
        assertThat(read())
                .singleElement()
                .satisfies(style -> assertThat(style.images()).hasSize(7));
    }

    @Test
    void manyFoldersAreSharedOut() throws IOException {
        for (int i = 0; i < 1200; i++) {
            touch("many/style%04d/1.png".formatted(i));
        }
        touch("many/1.png", "few/deep/er/1.png", "0.png");
        List<Style> styles = read();
        assertThat(styles)
                .extracting(Style::id)
                .contains("many/style0000", "many/style1199", "many", "few/deep/er", "0");
        assertThat(Set.copyOf(styles)).hasSameSizeAs(styles).hasSize(1203);
    }

    private List<Style> read() throws IOException {
        org.apache.hadoop.fs.Path root = new org.apache.hadoop.fs.Path(folder.toUri());
        try (SparkSession spark = EmbeddedSpark.start()) {
            return FolderCatalog.read(spark, new Storage(new Configuration()), root)
                    .collect();
        }
    }

    private static List<String> names(List<String> uris) {
        return uris.stream().map(uri -> uri.substring(uri.lastIndexOf('/') + 1)).toList();
    }

    private void touch(String... files) throws IOException {
        for (String file : files) {
            Path path = folder.resolve(file);
            Files.createDirectories(path.getParent());
            Files.createFile(path);
        }
    }
}
