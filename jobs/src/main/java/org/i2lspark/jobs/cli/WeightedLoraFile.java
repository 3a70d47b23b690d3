package org.i2lspark.jobs.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.i2lspark.jobs.options.PictureSettings;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A LoRA on the command line: {@code FILE}, or {@code FILE:STRENGTH}.
 *
 * @param location a local path or a URI
 */
record WeightedLoraFile(String location, double strength) {
    /** Only a number behind the last colon is a strength: drives and URIs have colons too. */
    private static final Pattern WITH_STRENGTH = Pattern.compile("(.+):([+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+))");

    static WeightedLoraFile parse(String text) {
        Matcher matcher = WITH_STRENGTH.matcher(text);
        return matcher.matches()
                ? new WeightedLoraFile(matcher.group(1), Double.parseDouble(matcher.group(2)))
                : new WeightedLoraFile(text, 1);
    }

    /** Reads what was typed. */
    static final class Converter implements ITypeConverter<WeightedLoraFile> {
        @Override
        public WeightedLoraFile convert(String text) {
            WeightedLoraFile lora = parse(text);
            if (Math.abs(lora.strength()) > PictureSettings.MAX_STRENGTH) {
                throw new TypeConversionException("'%s' has a strength beyond %s"
                        .formatted(text, PictureSettings.number(PictureSettings.MAX_STRENGTH)));
            }
            return lora;
        }
    }
}
