package org.i2lspark.jobs.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
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
                .containsExactly(
                        tuple("acme/bold lines", "acme", List.of("x.webp")),
                        tuple("acme/waves", "acme", List.of("a.png", "b.JPG")),
                        tuple("zen", null, List.of("1.tiff")));
    }

    @Test
    void anImageDirectlyInTheFolderIsAStyleOfItsOwn() throws IOException {
        touch("sunset.jpg", "dawn.png", "dawn.jpg", "night.gif", "night/1.png");
        assertThat(read())
                .extracting(Style::id)
                .containsExactly("night", "dawn.jpg", "dawn.png", "night.gif", "sunset");
    }

    @Test
    void imagesThatCannotBeReadAreNotPassedOver() throws IOException {
        touch("phone/a.heic", "phone/b.avif");
        assertThat(read()).hasSize(1);
    }

    private List<Style> read() throws IOException {
        org.apache.hadoop.fs.Path root = new org.apache.hadoop.fs.Path(folder.toUri());
        return FolderCatalog.read(new Storage(new Configuration()).fileSystem(root), root);
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
