package org.i2lspark.jobs.options;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.ImageSource;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParameterException;

/** What is to become of the images of a DataFrame: the options of {@code image-to-lora}, and for URIs those of {@code generate}. */
public final class FrameOptions {
    @Mixin
    private StackOptions stack;

    @Mixin
    private LoraOptions lora;

    @Mixin
    private ImageLimitOptions limits;

    @Mixin
    private NamedImageOptions namedImages;

    private FrameOptions() {}

    /**
     * Reads options as a command line has them.
     *
     * @param given values by name, without dashes; a flag is {@code true} or {@code false}
     * @throws UnusableException naming the first that there is not, or whose value cannot be used
     */
    public static FrameOptions of(Map<String, String> given) throws UnusableException {
        FrameOptions options = new FrameOptions();
        CommandLine line = new CommandLine(options).setCaseInsensitiveEnumValuesAllowed(true);
        List<String> args = new ArrayList<>();
        for (Map.Entry<String, String> option : given.entrySet()) {
            String name = "--" + option.getKey();
            List<String> names = line.getCommandSpec().optionsMap().keySet().stream()
                    .sorted()
                    .toList();
            if (!names.contains(name)) {
                throw new UnusableException("Invalid option: '%s' (there is none of that name; did you mean %s?)"
                        .formatted(option.getKey(), Nearest.to(name, names).substring(2)));
            }
            args.add(name + "=" + option.getValue());
        }
        try {
            line.parseArgs(args.toArray(new String[0]));
        } catch (ParameterException e) {
            throw new UnusableException(e.getMessage(), e);
        }
        BoundsCheck.require(line.getCommandSpec());
        options.stack.check();
        options.lora.check();
        options.namedImages.check();
        return options;
    }

    public StackOptions stack() {
        return stack;
    }

    public LoraForm form() {
        return lora.form();
    }

    public ImageLimits limits() {
        return limits.limits();
    }

    /** Which images may be read that are named by URIs: local ones only below a folder that was named. */
    public ImageSource.Rules rules() throws UnusableException {
        return new ImageSource.Rules(
                namedImages.allowHttp(), namedImages.root(NamedImageOptions.NOWHERE), null, limits().maxBytes());
    }
}
