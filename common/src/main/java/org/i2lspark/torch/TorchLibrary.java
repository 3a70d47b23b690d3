package org.i2lspark.torch;

import java.nio.file.Path;

/**
 * A libtorch on this machine.
 *
 * @param folder where {@code libtorch.so} lies
 * @param version as {@code 2.7.1}; {@code unknown} where its folder brings a bridge and nothing tells the version
 */
public record TorchLibrary(Path folder, String version) {}
