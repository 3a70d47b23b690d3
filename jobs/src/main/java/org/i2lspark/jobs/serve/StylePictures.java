package org.i2lspark.jobs.serve;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.serve.BrandRows.FirstImage;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.StylePicture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A preview that was generated with a LoRA, else a small picture of the style's first image, which is kept for the next time. */
final class StylePictures implements Publisher.Pictures {
    private static final Logger LOG = LoggerFactory.getLogger(StylePictures.class);
    private static final int SIZE = 512;
    private static final long MAX_BYTES = 256L << 20;

    private final Storage storage;
    private final OutputLayout layout;
    private final BrandRows rows;
    private final ImageSource images;

    StylePictures(Storage storage, OutputLayout layout, BrandRows rows) {
        this.storage = storage;
        this.layout = layout;
        this.rows = rows;
        this.images = new ImageSource(storage, new ImageSource.Rules(false, null, null, MAX_BYTES));
    }

    @Override
    public Map<String, Path> of(Map<String, LoraVersion> versions) throws IOException {
        Map<String, Path> pictures = new ConcurrentHashMap<>();
        Map<String, String> previews = rows.previews(versions.values());
        versions.forEach((id, version) -> Optional.ofNullable(previews.get(version.fingerprint()))
                .ifPresent(preview -> pictures.put(id, new Path(layout.output(), preview))));
        Map<String, LoraVersion> others = new TreeMap<>(versions);
        others.keySet().removeAll(pictures.keySet());
        if (!others.isEmpty()) {
            rows.firstImages(others).entrySet().parallelStream()
                    .forEach(image -> of(image.getValue()).ifPresent(path -> pictures.put(image.getKey(), path)));
        }
        return pictures;
    }

    /** Of an image that is no more what the LoRA was made of, there is none. */
    private Optional<Path> of(FirstImage image) {
        Path picture = layout.picture(image.sha256());
        try {
            if (storage.status(picture).isEmpty()) {
                byte[] bytes = images.read(image.uri());
                if (!Hashes.sha256(bytes).equals(image.sha256())) {
                    return Optional.empty();
                }
                storage.replace(picture, layout.aliasScratch(), StylePicture.of(bytes, SIZE));
            }
            return Optional.of(picture);
        } catch (IOException | RuntimeException e) {
            LOG.warn("No preview of {}", image.uri(), e);
            return Optional.empty();
        }
    }
}
