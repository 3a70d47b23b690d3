package org.i2lspark.jobs.options;

import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.i2lspark.model.QwenImageRelease;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the name of a release of Qwen-Image. */
public final class ReleaseConverter implements ITypeConverter<QwenImageRelease> {
    @Override
    public QwenImageRelease convert(String name) {
        return Stream.of(QwenImageRelease.values())
                .filter(release -> GenerateOptions.lower(release).equals(name.toLowerCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(() -> new TypeConversionException("Invalid model: '%s' (expected one of: %s)"
                        .formatted(
                                name,
                                Stream.of(QwenImageRelease.values())
                                        .map(GenerateOptions::lower)
                                        .collect(Collectors.joining(", ")))));
    }
}
