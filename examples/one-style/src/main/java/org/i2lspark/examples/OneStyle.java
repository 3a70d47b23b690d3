package org.i2lspark.examples;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;

/** Makes a LoRA of one style with the library alone: {@code OneStyle MODELS LORA IMAGE...}. */
public final class OneStyle {
    private OneStyle() {}

    public static void main(String[] args) throws IOException {
        I2lModel model = I2lModel.inspect(Path.of(args[0]), BaseModel.QWEN_IMAGE, Set.of(Variant.STYLE));
        ImageDecoder decoder = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS);
        try (ImageToLora i2l = ImageToLora.load(model, ElementType.FLOAT32, TorchDevice.CPU, ImagePositions.GRID)) {
            List<PreparedImage> images = new ArrayList<>();
            for (String image : List.of(args).subList(2, args.length)) {
                images.add(ImageToLora.prepare(model, decoder.decode(Files.readAllBytes(Path.of(image)))));
            }
            try (Lora lora = i2l.decode(List.of(i2l.embed(images)), ElementType.BFLOAT16)
                            .get(0);
                    FileChannel file = FileChannel.open(
                            Path.of(args[1]), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                lora.write(file, KeyFormat.COMFYUI, Map.of("format", "pt"));
            }
        }
    }
}
