package org.i2lspark.jobs.options;

import java.util.Arrays;
import org.i2lspark.lora.KeyFormat;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the name of a key format. */
public final class KeyFormatConverter implements ITypeConverter<KeyFormat> {
    @Override
    public KeyFormat convert(String id) {
        return Arrays.stream(KeyFormat.values())
                .filter(format -> format.id().equalsIgnoreCase(id))
                .findFirst()
                .orElseThrow(() -> new TypeConversionException("expected one of "
                        + Arrays.stream(KeyFormat.values()).map(KeyFormat::id).toList() + ", not '" + id + "'"));
    }
}
