package org.i2lspark.torch;

import ai.djl.util.Platform;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLConnection;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the libtorch of this process and the bridge from DJL to it, and looks at both before DJL loads them: DJL itself goes
 * on without a libtorch that it was told of, downloads what does not fit, and loads a bridge of another version, which
 * ends the process.
 *
 * <p>Settings are DJL's own, as environment variables or system properties: {@code PYTORCH_LIBRARY_PATH},
 * {@code PYTORCH_VERSION}, {@code PYTORCH_FLAVOR}, and for what is unpacked {@code ENGINE_CACHE_DIR} or
 * {@code DJL_CACHE_DIR}.
 */
final class NativeLibraries {
    private static final Logger log = LoggerFactory.getLogger(NativeLibraries.class);
    private static final String LIBRARY_PATH = "PYTORCH_LIBRARY_PATH";
    private static final String VERSION = "PYTORCH_VERSION";
    private static final String FLAVOR = "PYTORCH_FLAVOR";
    private static final String ENGINE_CACHE = "ENGINE_CACHE_DIR";
    private static final String DJL_CACHE = "DJL_CACHE_DIR";

    private static final String TORCH = "libtorch.so";
    private static final String BRIDGE = "libdjl_torch.so";
    private static final String CUDA = "libtorch_cuda.so";
    private static final String HIP = "libtorch_hip.so";
    private static final List<String> NEEDED = List.of(TORCH, "libtorch_cpu.so", "libc10.so");
    /** What else may offer what the bridge calls. */
    private static final List<String> FOR_GPUS = List.of(CUDA, "libc10_cuda.so", HIP, "libc10_hip.so");

    private static final String UNKNOWN = "unknown";
    /** The flavor of the bridge for CUDA that DJL's own archive brings. */
    private static final String CUDA_FLAVOR = "cu128";

    private static final Pattern NUMBER = Pattern.compile("\\d+\\.\\d+\\.\\d+");
    private static final Pattern PYTHON_VERSION = Pattern.compile("__version__ = '([^']+)'");
    private static final Pattern LOCAL_VERSION = Pattern.compile("\\+(cu\\d+|rocm[\\d.]+)");

    private final Platform platform = Platform.detectPlatform("pytorch");
    private final String version = number(platform.getVersion());

    private NativeLibraries() {}

    /**
     * Makes ready what DJL will load, and tells DJL where it is.
     *
     * @throws UnusableLibraryException if there is nothing to load, or it does not fit
     */
    static TorchLibrary prepare() throws UnusableLibraryException {
        // DJL asks CUDA through JNA, which unpacks itself to the home that an unknown user has not
        setDefault("jna.tmpdir", ExecutableFolders.temporary().toString());
        NativeLibraries libraries = new NativeLibraries();
        Optional<String> path = setting(LIBRARY_PATH);
        return path.isPresent() ? libraries.external(path.get()) : libraries.bundled();
    }

    private TorchLibrary bundled() throws UnusableLibraryException {
        Map<String, URL> files = new LinkedHashMap<>();
        for (String name : Optional.ofNullable(platform.getLibraries()).orElse(new String[0])) {
            URL file = resource("pytorch/%s/%s/%s".formatted(platform.getFlavor(), platform.getClassifier(), name));
            if (file != null && !name.equals(TORCH)) {
                files.put(name, file);
            }
        }
        // last, for DJL takes its presence for the whole
        URL torch = resource("pytorch/%s/%s/%s".formatted(platform.getFlavor(), platform.getClassifier(), TORCH));
        if (platform.isPlaceholder() || torch == null) {
            throw new UnusableLibraryException(
                    "Cannot load libtorch: none for %s is on the class path; add ai.djl.pytorch:pytorch-native-cpu:%s:%s, or set %s to the lib folder of a libtorch %s"
                            .formatted(
                                    platform.getClassifier(),
                                    version,
                                    platform.getClassifier(),
                                    LIBRARY_PATH,
                                    version));
        }
        expect(VERSION, version, NativeLibraries::number);
        expect(FLAVOR, platform.getFlavor(), flavor -> flavor);
        URL bridge = bundledBridge(platform.getFlavor());
        if (bridge == null) {
            throw new UnusableLibraryException(
                    "Cannot load libtorch: the bridge to it is not on the class path; add " + bridgeArtifact());
        }
        files.put(bridgeName(), bridge);
        files.put(TORCH, torch);
        Path folder = unpack(platform.getVersion(), platform.getFlavor(), files);
        return new TorchLibrary(folder, version, platform.getFlavor());
    }

    private static void expect(String name, String expected, UnaryOperator<String> normal)
            throws UnusableLibraryException {
        Optional<String> set = setting(name);
        if (set.isPresent() && !normal.apply(set.get()).equals(expected)) {
            throw new UnusableLibraryException(
                    "Invalid %s: %s (expected %s, that of the libtorch on the class path; or set %s to another)"
                            .formatted(name, set.get(), expected, LIBRARY_PATH));
        }
    }

    private TorchLibrary external(String path) throws UnusableLibraryException {
        Path folder = folder(path);
        try {
            requireLoadable(folder);
            List<Path> own = List.of(folder.resolve(bridgeName()), folder.resolve(BRIDGE));
            Optional<Path> ownBridge = own.stream().filter(Files::isRegularFile).findFirst();
            String found = version(folder);
            Path bridge = ownBridge.isPresent() ? ownBridge.get() : prepareBridge(folder, found);
            requireLoadable(bridge, LIBRARY_PATH);
            requireFits(bridge, folder, found);
            return new TorchLibrary(folder, found, flavor(folder));
        } catch (UnusableLibraryException e) {
            throw e;
        } catch (IOException e) {
            throw new UnusableLibraryException(
                    "Cannot use %s %s: %s".formatted(LIBRARY_PATH, folder, ExecutableFolders.reason(e)), e);
        }
    }

    /** The first folder of the path that has a libtorch, as DJL takes it. */
    private static Path folder(String path) throws UnusableLibraryException {
        String problem = null;
        for (String part : path.split(File.pathSeparator, -1)) {
            Path named = Path.of(part).toAbsolutePath();
            boolean isLibrary = Files.isRegularFile(named) && named.endsWith(TORCH);
            Path folder = isLibrary ? named.getParent() : named;
            if (Files.isRegularFile(folder.resolve(TORCH))) {
                return folder;
            }
            if (problem == null) {
                problem = "%s: %s".formatted(part, whyNot(folder));
            }
        }
        throw new UnusableLibraryException("Cannot use %s %s".formatted(LIBRARY_PATH, problem));
    }

    private static String whyNot(Path folder) {
        if (!Files.exists(folder)) {
            return "there is no such folder";
        }
        if (!Files.isReadable(folder)) {
            return "access denied";
        }
        return Files.isRegularFile(folder.resolve("lib").resolve(TORCH))
                ? "there is no %s in it, but in its folder lib".formatted(TORCH)
                : "there is no %s in it".formatted(TORCH);
    }

    private static void requireLoadable(Path folder) throws IOException {
        for (String name : NEEDED) {
            Path file = folder.resolve(name);
            if (!Files.isRegularFile(file)) {
                throw new UnusableLibraryException(
                        "Cannot use %s %s: there is no %s in it".formatted(LIBRARY_PATH, folder, name));
            }
            requireLoadable(file, LIBRARY_PATH);
        }
    }

    private static void requireLoadable(Path file, String setting) throws IOException {
        Optional<String> problem = SharedObject.problem(file);
        if (problem.isPresent()) {
            throw new UnusableLibraryException("Cannot use %s: %s %s".formatted(setting, file, problem.get()));
        }
    }

    /** What the distribution's own files beside the folder tell, as {@code 2.7.1+cu126}. */
    private static Optional<String> build(Path folder) throws IOException {
        Path distribution = folder.toRealPath().getParent();
        for (Path file : List.of(distribution.resolve("build-version"), distribution.resolve("version.py"))) {
            if (Files.isRegularFile(file)) {
                String text = Files.readString(file);
                Matcher python = PYTHON_VERSION.matcher(text);
                return Optional.of(python.find() ? python.group(1) : text);
            }
        }
        return Optional.empty();
    }

    /** The version that the distribution tells, else what the library holds. */
    private String version(Path folder) throws IOException {
        Optional<String> told = build(folder);
        if (told.isPresent()) {
            return number(told.get());
        }
        String asked = setting(VERSION).map(NativeLibraries::number).orElse(version);
        for (String likely : List.of(asked, version)) {
            if (SharedObject.holdsString(folder.resolve("libtorch_cpu.so"), likely)) {
                return likely;
            }
        }
        return UNKNOWN;
    }

    private static String flavor(Path folder) throws IOException {
        if (!Files.isRegularFile(folder.resolve(CUDA)) && !Files.isRegularFile(folder.resolve(HIP))) {
            return TorchLibrary.CPU;
        }
        Matcher told = LOCAL_VERSION.matcher(build(folder).orElse(""));
        return told.find() ? told.group(1) : "cuda";
    }

    /**
     * A bridge that is built for another libtorch ends the process when it is loaded, or later. One of ours is known by its
     * bytes, any by what it calls.
     */
    private void requireFits(Path bridge, Path folder, String found) throws IOException {
        if (!found.equals(version) && isOurs(bridge)) {
            throw doesNotFit(folder, "its libtorch is %s".formatted(isKnown(found) ? found : "another"), bridge);
        }
        Optional<DynamicSymbols> caller = DynamicSymbols.of(bridge);
        if (caller.isEmpty()) {
            return;
        }
        Set<String> missing = new TreeSet<>(caller.get().wanted());
        List<String> libraries = new ArrayList<>(NEEDED);
        libraries.addAll(FOR_GPUS);
        for (String name : libraries) {
            Path library = folder.resolve(name);
            if (Files.isRegularFile(library)) {
                Optional<DynamicSymbols> symbols = DynamicSymbols.of(library);
                if (symbols.isEmpty()) {
                    return;
                }
                missing.removeAll(symbols.get().offered());
            }
        }
        if (!missing.isEmpty()) {
            String lacking = "its libtorch%s lacks %d of the functions that the bridge calls, such as %s"
                    .formatted(
                            isKnown(found) ? " " + found : "",
                            missing.size(),
                            missing.iterator().next());
            throw doesNotFit(folder, lacking, bridge);
        }
    }

    private UnusableLibraryException doesNotFit(Path folder, String problem, Path bridge) {
        return new UnusableLibraryException(
                "Cannot use %s %s: %s; the bridge %s is built for another: build one for this libtorch, or take libtorch %s; see docs/gpu.md"
                        .formatted(LIBRARY_PATH, folder, problem, bridge, version));
    }

    /** Whether it is a copy of one that the class path brings. */
    private boolean isOurs(Path bridge) throws IOException {
        for (String flavor : List.of(TorchLibrary.CPU, CUDA_FLAVOR)) {
            URL ours = bundledBridge(flavor);
            if (ours != null && isWhole(bridge, ours)) {
                try (InputStream in = ours.openStream()) {
                    if (Arrays.equals(in.readAllBytes(), Files.readAllBytes(bridge))) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    /** The bridge that DJL will take for a libtorch that brings none: one put into the cache, else the class path's. */
    private Path prepareBridge(Path folder, String found) throws UnusableLibraryException {
        boolean cuda = Files.isRegularFile(folder.resolve(CUDA));
        String flavor = setting(FLAVOR).orElse(cuda ? CUDA_FLAVOR : TorchLibrary.CPU);
        if (flavor.startsWith("cu") && !cuda) {
            throw new UnusableLibraryException(
                    "Invalid %s: %s (expected cpu: %s has no %s)".formatted(FLAVOR, flavor, folder, CUDA));
        }
        String asked = setting(VERSION).orElse(platform.getVersion());
        if (!number(asked).equals(found)) {
            throw new UnusableLibraryException(
                    "Cannot use %s %s: its libtorch is %s (expected %s, for which the bridge is built; docs/gpu.md says how to build another)"
                            .formatted(
                                    LIBRARY_PATH,
                                    folder,
                                    isKnown(found) ? found : "of another version",
                                    number(asked)));
        }
        setDefault(FLAVOR, flavor);
        for (Path root : roots()) {
            Path prepared = folder(root, asked, flavor).resolve(bridgeName());
            if (Files.isRegularFile(prepared)) {
                useCache(root);
                return prepared;
            }
        }
        URL bridge = bundledBridge(flavor);
        if (bridge == null || !number(asked).equals(version)) {
            throw new UnusableLibraryException(
                    "Cannot use %s %s: there is no bridge to a libtorch %s of flavor %s (expected %s in that folder%s)"
                            .formatted(
                                    LIBRARY_PATH,
                                    folder,
                                    number(asked),
                                    flavor,
                                    BRIDGE,
                                    bundledBridge(TorchLibrary.CPU) == null
                                            ? ", or %s on the class path".formatted(bridgeArtifact())
                                            : ""));
        }
        return unpack(asked, flavor, Map.of(bridgeName(), bridge)).resolve(bridgeName());
    }

    private static boolean isKnown(String version) {
        return !version.equals(UNKNOWN);
    }

    private String bridgeName() {
        return platform.getApiVersion() + '-' + BRIDGE;
    }

    private String bridgeArtifact() {
        return "ai.djl.pytorch:pytorch-jni:%s-%s".formatted(version, platform.getApiVersion());
    }

    private URL bundledBridge(String flavor) {
        return resource("jnilib/%s/%s/%s".formatted(platform.getClassifier(), flavor, BRIDGE));
    }

    private Path folder(Path root, String libraryVersion, String flavor) {
        return root.resolve("pytorch")
                .resolve(String.join("-", libraryVersion, flavor, platform.getClassifier()))
                .toAbsolutePath();
    }

    private static List<Path> roots() {
        Optional<String> asked = setting(ENGINE_CACHE).or(() -> setting(DJL_CACHE));
        return asked.map(root -> List.of(Path.of(root))).orElseGet(ExecutableFolders::ofUser);
    }

    /** Unpacks files to the first folder that takes them, and names that to DJL. */
    private Path unpack(String libraryVersion, String flavor, Map<String, URL> files) throws UnusableLibraryException {
        List<String> problems = new ArrayList<>();
        for (Path root : roots()) {
            Path folder = folder(root, libraryVersion, flavor);
            try {
                Optional<String> problem = ExecutableFolders.problem(root);
                if (problem.isPresent() && !(problem.get().contains("cannot be written") && isWhole(folder, files))) {
                    problems.add(problem.get());
                    continue;
                }
                if (!isWhole(folder, files)) {
                    unpackInto(folder, files);
                }
                useCache(root);
                return folder;
            } catch (IOException e) {
                log.info("Cannot unpack to {}", folder, e);
                problems.add("%s cannot be written (%s)".formatted(folder, ExecutableFolders.reason(e)));
            }
        }
        throw new UnusableLibraryException(
                "Cannot unpack libtorch: %s; set %s to a folder that can be written and executed, with 500 MB free"
                        .formatted(
                                String.join("; ", problems),
                                setting(ENGINE_CACHE).isPresent() ? ENGINE_CACHE : DJL_CACHE));
    }

    private static boolean isWhole(Path folder, Map<String, URL> files) throws IOException {
        for (Map.Entry<String, URL> file : files.entrySet()) {
            if (!isWhole(folder.resolve(file.getKey()), file.getValue())) {
                return false;
            }
        }
        return true;
    }

    private static boolean isWhole(Path file, URL content) throws IOException {
        if (!Files.isRegularFile(file)) {
            return false;
        }
        URLConnection connection = content.openConnection();
        return Files.size(file) == connection.getContentLengthLong();
    }

    /** One process unpacks at a time; each file appears whole or not at all. */
    private static void unpackInto(Path folder, Map<String, URL> files) throws IOException {
        Files.createDirectories(folder);
        Path parent = folder.getParent();
        try (FileChannel channel = FileChannel.open(
                        parent.resolve("unpack.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.lock()) {
            log.debug("Unpacking to {} under {}", folder, lock);
            // what a process left that ended while it unpacked
            try (DirectoryStream<Path> left = Files.newDirectoryStream(parent, "unpack*.tmp")) {
                for (Path file : left) {
                    Files.deleteIfExists(file);
                }
            }
            for (Map.Entry<String, URL> file : files.entrySet()) {
                Path target = folder.resolve(file.getKey());
                if (!isWhole(target, file.getValue())) {
                    unpackFile(file.getValue(), target, parent);
                }
            }
        }
    }

    private static void unpackFile(URL content, Path target, Path parent) throws IOException {
        Path temporary = Files.createTempFile(parent, "unpack", ".tmp");
        try (InputStream in = content.openStream()) {
            Files.copy(in, temporary, StandardCopyOption.REPLACE_EXISTING);
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static void useCache(Path root) {
        setDefault(ENGINE_CACHE, root.toString());
        setDefault(DJL_CACHE, root.toString());
    }

    private static void setDefault(String name, String value) {
        if (setting(name).isEmpty()) {
            System.setProperty(name, value);
        }
    }

    private static Optional<String> setting(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            value = System.getProperty(name);
        }
        return Optional.ofNullable(value).filter(text -> !text.isEmpty());
    }

    private static URL resource(String name) {
        return NativeLibraries.class.getClassLoader().getResource(name);
    }

    /** {@code 2.7.1} of {@code 2.7.1-20250812} or {@code 2.7.1+cu126}. */
    private static String number(String text) {
        Matcher matcher = NUMBER.matcher(text);
        return matcher.find() ? matcher.group() : UNKNOWN;
    }
}
