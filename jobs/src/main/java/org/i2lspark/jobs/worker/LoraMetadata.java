package org.i2lspark.jobs.worker;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.i2lspark.jobs.Version;
import org.i2lspark.torch.Torch;

/** What a LoRA file says of itself in {@code __metadata__}. Nothing in it changes from run to run of one installation. */
public final class LoraMetadata {
    private LoraMetadata() {}

    /**
     * The metadata of one LoRA.
     *
     * @param imageHashes SHA-256 of each image file, in hex
     */
    public static Map<String, String> of(WorkOrder order, List<String> imageHashes, int rank) {
        Map<String, String> metadata = new TreeMap<>();
        metadata.put("format", "pt");
        metadata.put("i2l.software", "i2l-spark " + Version.text());
        metadata.put("i2l.libtorch", Torch.library().build());
        metadata.put("i2l.variants", order.stack().variantText());
        if (order.stack().positionsMatter()) {
            metadata.put("i2l.image_positions", order.stack().imagePositions().id());
        }
        metadata.put("i2l.rank", String.valueOf(rank));
        metadata.put("i2l.images", String.valueOf(imageHashes.size()));
        metadata.put("i2l.image_sha256", String.join(",", imageHashes));
        metadata.put(
                "i2l.checkpoints",
                order.checkpoints().entrySet().stream()
                        .map(entry -> entry.getKey() + "=" + entry.getValue())
                        .collect(Collectors.joining(",")));
        return metadata;
    }
}
