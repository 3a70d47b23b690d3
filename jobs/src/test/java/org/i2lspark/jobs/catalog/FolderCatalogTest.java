package org.i2lspark.jobs.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.api.java.JavaSparkContext;
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
        touch("e.jpg", "e.gif", "e.jpg.png");
        assertThat(read())
                .extracting(Style::id)
                .containsExactlyInAnyOrder(
                        "night", "dawn.jpg", "dawn.png", "night.gif", "sunset", "e.jpg", "e.gif", "e.jpg.png");
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

    @Test
    void twoStylesOfOneIdAreRefused() throws IOException {
        try (SparkSession spark = EmbeddedSpark.start();
                JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext())) {
            Style image = new Style("e.jpg", null, List.of("s3a://b/e.jpg"));
            Style folderOfThatName = new Style("e.jpg", null, List.of("s3a://b/e.jpg/x.png"));
            Style other = new Style("f", null, List.of("s3a://b/f.jpg"));
            assertThatThrownBy(() ->
                            Catalog.refuseDoubledIds(context.parallelize(List.of(folderOfThatName, other, image), 3)))
                    .hasMessage(
                            "two styles have the id 'e.jpg', those of s3a://b/e.jpg and s3a://b/e.jpg/x.png; rename one of them");
        }
    }

    @Test
    void aFolderThatCannotBeListedCostsOnlyItself() throws IOException {
        touch("look/a.jpg", "private/b.jpg", "brand/deep/er/private/c/d.jpg", "brand/deep/er/e.jpg");
        assertThat(read(Map.of(
                                "spark.hadoop.fs.file.impl",
                                DenyingFileSystem.class.getName(),
                                "spark.hadoop.fs.file.impl.disable.cache",
                                "true"))
                        .styles())
                .extracting(Style::id, Style::brand, style -> names(style.images()), Style::unreadable)
                .containsExactlyInAnyOrder(
                        tuple("look", null, List.of("a.jpg"), null),
                        tuple("private", null, List.of(), denied("private")),
                        tuple("brand/deep/er", "brand", List.of("e.jpg"), null),
                        tuple("brand/deep/er/private", "brand", List.of(), denied("brand/deep/er/private")));
    }

    private String denied(String relative) {
        Path denied = folder.resolve(relative);
        return "Cannot list folder file:%s: Cannot open %s: Permission denied".formatted(denied, denied);
    }

    /** Local files, of which folders named {@code private} are another user's. */
    public static final class DenyingFileSystem extends LocalFileSystem {
        public DenyingFileSystem() {
            super(new RawLocalFileSystem() {
                @Override
                public File pathToFile(org.apache.hadoop.fs.Path path) {
                    File file = super.pathToFile(path);
                    return path.getName().equals("private") ? new Unlistable(file) : file;
                }
            });
        }

        private static final class Unlistable extends File {
            private static final long serialVersionUID = 1L;

            Unlistable(File file) {
                super(file.getPath());
            }

            @Override
            public String[] list() {
                return null;
            }

            @Override
            public boolean canRead() {
                return false;
            }
        }
    }

    @Test
    void linksThatLeadBackEnd() throws IOException {
        touch("look/a.jpg", "far/b.jpg", "far/deep/c.jpg");
        Files.createSymbolicLink(folder.resolve("look/self"), folder.resolve("look"));
        Files.createSymbolicLink(folder.resolve("far/deep/up"), folder);
        Files.createSymbolicLink(folder.resolve("far/out"), folder.getParent());
        Files.createSymbolicLink(folder.resolve("look/across"), folder.resolve("far/deep"));
        Files.createSymbolicLink(folder.resolve("far/deep/across"), folder.resolve("look"));
        Files.createSymbolicLink(folder.resolve("look/gone.jpg"), folder.resolve("nowhere.jpg"));
        Contents contents = read(Map.of());
        assertThat(contents.styles())
                .extracting(Style::id, style -> names(style.images()))
                .containsExactlyInAnyOrder(
                        tuple("look", List.of("a.jpg", "gone.jpg")),
                        tuple("look/across", List.of("c.jpg")),
                        tuple("far", List.of("b.jpg")),
                        tuple("far/deep", List.of("c.jpg")),
                        tuple("far/deep/across", List.of("a.jpg", "gone.jpg")));
        assertThat(contents.passedOver().links()).isGreaterThan(3);
    }

    @Test
    void whatIsPassedOverIsCounted() throws IOException {
        touch("look/a.jpg", "look/notes.txt", "look/deep/film.mp4", "list\u001b[2J.md", ".DS_Store", "@eaDir/x.txt");
        PassedOver passedOver = read(Map.of()).passedOver();
        assertThat(passedOver.files()).isEqualTo(3);
        assertThat(passedOver.text())
                .startsWith("3 files passed over that are not named like images, such as file:/")
                .doesNotContain("\u001b");
        assertThat(PassedOver.NOTHING.text()).isEmpty();
    }

    private List<Style> read() throws IOException {
        return read(Map.of()).styles();
    }

    private Contents read(Map<String, String> settings) throws IOException {
        try (SparkSession spark = EmbeddedSpark.start(settings)) {
            Catalog catalog =
                    Catalog.read(spark, new Storage(spark.sparkContext().hadoopConfiguration()), folder.toString());
            return new Contents(catalog.styles().collect(), catalog.passedOver());
        }
    }

    private record Contents(List<Style> styles, PassedOver passedOver) {}

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
