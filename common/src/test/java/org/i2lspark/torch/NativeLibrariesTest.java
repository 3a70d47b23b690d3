package org.i2lspark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NativeLibrariesTest {
    private static final int X86_64 = 62;
    private static final int AARCH64 = 183;
    private static final int X86 = 3;

    @TempDir
    private Path folder;

    private Properties before;

    @BeforeEach
    void keepProperties() {
        Torch.version();
        before = (Properties) System.getProperties().clone();
        for (String name : List.of("ENGINE_CACHE_DIR", "DJL_CACHE_DIR", "PYTORCH_FLAVOR")) {
            System.clearProperty(name);
        }
    }

    @AfterEach
    void restoreProperties() {
        System.setProperties(before);
    }

    @Test
    void tellsWhatIsLoaded() {
        assertThat(Torch.library().folder().resolve("libtorch.so")).exists();
        assertThat(Torch.library().build()).isEqualTo("2.7.1+cpu");
        assertThat(Torch.library().isForGpus()).isFalse();
        assertThat(Torch.library().folder()).isAbsolute();
    }

    @Test
    void refusesALibraryPathThatIsNotThere() {
        refuses(folder.resolve("typo"), "there is no such folder");
    }

    @Test
    void refusesALibraryPathWithoutLibtorch() {
        refuses(folder, "there is no libtorch.so in it");
    }

    @Test
    void namesTheFolderThatWasMeant() throws IOException {
        Files.createDirectory(folder.resolve("lib"));
        Files.createFile(folder.resolve("lib/libtorch.so"));
        refuses(folder, "there is no libtorch.so in it, but in its folder lib");
    }

    @Test
    void refusesALibtorchWithoutItsOtherHalf() throws IOException {
        writeElf("libtorch.so", 2, machineHere());
        refuses(folder, "there is no libtorch_cpu.so in it");
    }

    @ParameterizedTest
    @ValueSource(ints = {X86, X86_64, AARCH64})
    void refusesALibtorchOfAnotherMachine(int machine) throws IOException {
        writeLibraries(machine == X86 ? 1 : 2, machine == machineHere() ? X86 : machine);
        refuses(folder, "libtorch.so is built for another machine than this");
    }

    @Test
    void refusesAFileThatOnlyHasTheName() throws IOException {
        for (String name : List.of("libtorch.so", "libtorch_cpu.so", "libc10.so")) {
            Files.writeString(folder.resolve(name), "version https://git-lfs.github.com/spec/v1");
        }
        refuses(folder, "libtorch.so is no shared library");
    }

    @ParameterizedTest
    @ValueSource(strings = {"build-version", "version.py"})
    void refusesALibtorchOfAnotherVersionAsItsDistributionTellsIt(String file) throws IOException {
        Path lib = Files.createDirectory(folder.resolve("lib"));
        writeLibraries(lib, 2, machineHere(), "2.7.1");
        Files.writeString(
                folder.resolve(file), file.equals("version.py") ? "__version__ = '2.11.0+cu130'\n" : "2.11.0+cu130\n");
        refuses(
                lib,
                "its libtorch is 2.11.0 (expected 2.7.1, for which the bridge is built; docs/gpu.md says how to build another)");
    }

    @Test
    void refusesALibtorchOfAnotherVersionThatNothingTellsButTheLibrary() throws IOException {
        writeLibraries(folder, 2, machineHere(), "2.11.0");
        refuses(
                folder,
                "its libtorch is of another version (expected 2.7.1, for which the bridge is built; docs/gpu.md says how to build another)");
    }

    @Test
    void takesALibtorchOfTheBridgesVersion() throws IOException {
        writeLibraries(folder, 2, machineHere(), "2.7.1");
        System.setProperty("PYTORCH_LIBRARY_PATH", "/not/there:" + folder);
        System.setProperty("DJL_CACHE_DIR", folder.resolve("cache").toString());
        assertThat(NativeLibraries.prepare()).isEqualTo(new TorchLibrary(folder, "2.7.1", "cpu"));
        try (Stream<Path> files = Files.walk(folder.resolve("cache"))) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .anyMatch(name -> name.endsWith("-libdjl_torch.so"));
        }
    }

    @Test
    void takesALibtorchWithABridgeThatWasBuiltForIt() throws IOException {
        Path lib = Files.createDirectory(folder.resolve("lib"));
        Files.writeString(folder.resolve("build-version"), "2.11.0+cu130\n");
        writeSymbols(lib, "libtorch.so", new ElfLibrary());
        writeSymbols(lib, "libc10.so", new ElfLibrary().offers("_ZN3c105ErrorC1Ev"));
        writeSymbols(lib, "libtorch_cpu.so", new ElfLibrary().offers("_ZN2at5emptyEl"));
        writeSymbols(lib, "libtorch_cuda.so", new ElfLibrary().offers("_ZN2at4cuda4syncEv"));
        writeSymbols(
                lib,
                "libdjl_torch.so",
                new ElfLibrary()
                        .wants("_ZN3c105ErrorC1Ev", "_ZN2at5emptyEl", "_ZN2at4cuda4syncEv", "cudaGetLastError")
                        .wantsPerhaps("_ZTHN3c104impl3setE")
                        .wantsOfAVersion("_ZNSsC1Ev")
                        .offers("Java_ai_djl_empty"));
        System.setProperty("PYTORCH_LIBRARY_PATH", lib.toString());
        TorchLibrary taken = NativeLibraries.prepare();
        assertThat(taken).isEqualTo(new TorchLibrary(lib, "2.11.0", "cu130"));
        assertThat(taken.isForGpus()).isTrue();

        writeSymbols(lib, "libtorch_cpu.so", new ElfLibrary().offers("_ZN2at5emptyElb"));
        refuses(
                lib,
                "its libtorch 2.11.0 lacks 1 of the functions that the bridge calls, such as _ZN2at5emptyEl; the bridge %s/libdjl_torch.so is built for another: build one for this libtorch, or take libtorch 2.7.1; see docs/gpu.md"
                        .formatted(lib));
    }

    @Test
    void refusesTheClassPathsBridgeBesideALibtorchOfAnotherVersion() throws IOException {
        Path lib = Files.createDirectory(folder.resolve("lib"));
        writeLibraries(lib, 2, machineHere(), "2.11.0");
        try (Stream<Path> files = Files.list(Torch.library().folder())) {
            Path ours = files.filter(file -> file.toString().endsWith("-libdjl_torch.so"))
                    .findFirst()
                    .orElseThrow();
            Files.copy(ours, lib.resolve("libdjl_torch.so"));
        }
        String advice =
                "; the bridge %s/libdjl_torch.so is built for another: build one for this libtorch, or take libtorch 2.7.1; see docs/gpu.md"
                        .formatted(lib);
        refuses(lib, "its libtorch is another" + advice);
        Files.writeString(folder.resolve("build-version"), "2.11.0+cu130\n");
        refuses(lib, "its libtorch is 2.11.0" + advice);
    }

    @Test
    void takesTheLibtorchOfTheClassPathByItsFolder() throws IOException {
        System.setProperty("PYTORCH_LIBRARY_PATH", Torch.library().folder().toString());
        assertThat(NativeLibraries.prepare()).isEqualTo(Torch.library());
    }

    @Test
    void readsWhatARealBridgeWants() throws IOException {
        DynamicSymbols torch = DynamicSymbols.of(Torch.library().folder().resolve("libtorch_cpu.so"))
                .orElseThrow();
        assertThat(torch.offered()).contains("_ZN2at4_ops4relu4callERKNS_6TensorE");
        assertThat(torch.wanted())
                .contains("_ZN3c105ErrorC1ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE");
    }

    @Test
    void refusesALibraryThatIsCutOff() throws IOException {
        byte[] whole = new ElfLibrary().offers("_ZN2at5emptyEl").bytes(machineHere());
        for (String name : List.of("libtorch.so", "libtorch_cpu.so", "libc10.so", "libdjl_torch.so")) {
            Files.write(folder.resolve(name), whole);
        }
        Path cut = Files.write(folder.resolve("libc10.so"), Arrays.copyOf(whole, whole.length - 1));
        refuses(folder, cut + " is cut off or damaged");
    }

    @Test
    void refusesAFlavorThatTheLibraryIsNot() throws IOException {
        writeLibraries(2, machineHere());
        System.setProperty("PYTORCH_FLAVOR", "cu128");
        System.setProperty("PYTORCH_LIBRARY_PATH", folder.toString());
        assertThatThrownBy(NativeLibraries::prepare)
                .isInstanceOf(UnusableLibraryException.class)
                .hasMessage("Invalid PYTORCH_FLAVOR: cu128 (expected cpu: %s has no libtorch_cuda.so)", folder);
    }

    @Test
    void refusesALibraryForWhichThereIsNoBridge() throws IOException {
        writeLibraries(2, machineHere());
        System.setProperty("PYTORCH_FLAVOR", "rocm6");
        refuses(
                folder,
                "there is no bridge to a libtorch 2.7.1 of flavor rocm6 (expected libdjl_torch.so in that folder)");
    }

    @Test
    void refusesToDownloadAnotherVersion() {
        System.setProperty("PYTORCH_VERSION", "2.5.1");
        assertThatThrownBy(NativeLibraries::prepare)
                .isInstanceOf(UnusableLibraryException.class)
                .hasMessage("Invalid PYTORCH_VERSION: 2.5.1 (expected 2.7.1, that of the libtorch on the class path; "
                        + "or set PYTORCH_LIBRARY_PATH to another)");
    }

    @Test
    void refusesAFlavorOtherThanTheClassPathsWithoutALibrary() {
        System.setProperty("PYTORCH_FLAVOR", "cu128");
        assertThatThrownBy(NativeLibraries::prepare)
                .isInstanceOf(UnusableLibraryException.class)
                .hasMessageStartingWith("Invalid PYTORCH_FLAVOR: cu128 (expected cpu, ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"DJL_CACHE_DIR", "ENGINE_CACHE_DIR"})
    void saysThatTheCacheCannotBeWritten(String setting) throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        for (Path cache : List.of(file, file.resolve("djl"), Path.of("/proc/i2l"))) {
            System.setProperty(setting, cache.toString());
            assertThatThrownBy(NativeLibraries::prepare)
                    .isInstanceOf(UnusableLibraryException.class)
                    .hasMessageStartingWith("Cannot unpack libtorch: %s cannot be written (", cache)
                    .hasMessageEndingWith(
                            "; set %s to a folder that can be written and executed, with 500 MB free", setting);
        }
    }

    @Test
    void mendsWhatWasUnpackedInPart() throws IOException {
        Path whole = Torch.library().folder();
        Path partial = Files.createDirectories(folder.resolve("pytorch").resolve(whole.getFileName()));
        try (Stream<Path> files = Files.list(whole)) {
            for (Path file : files.toList()) {
                Files.createSymbolicLink(partial.resolve(file.getFileName()), file);
            }
        }
        Path cut = partial.resolve("libc10.so");
        byte[] content = Files.readAllBytes(cut);
        Files.delete(cut);
        Files.write(cut, Arrays.copyOf(content, content.length / 2));
        Path left = Files.createFile(folder.resolve("pytorch/unpack1.tmp"));

        System.setProperty("DJL_CACHE_DIR", folder.toString());
        assertThat(NativeLibraries.prepare().folder()).isEqualTo(partial);
        assertThat(cut).hasBinaryContent(content);
        assertThat(left).doesNotExist();
        assertThat(partial.resolve("libtorch_cpu.so")).isSymbolicLink();

        try (Stream<Path> files = Files.list(partial)) {
            for (Path link : files.filter(Files::isSymbolicLink).toList()) {
                Files.delete(link);
            }
        }
    }

    @Test
    void whatDjlUsesItselfIsUnpackedToTheSameKindOfFolder() throws UnusableLibraryException {
        System.clearProperty("jna.tmpdir");
        System.setProperty("java.io.tmpdir", folder.toString());
        NativeLibraries.prepare();
        assertThat(System.getProperty("jna.tmpdir")).isEqualTo(folder.toString());
    }

    @Test
    void nothingIsUnpackedBesideAUserWithoutAHome() {
        System.setProperty("java.io.tmpdir", folder.toString());
        for (String home : List.of("?", "", "relative", "/nonexistent")) {
            System.setProperty("user.home", home);
            List<Path> places = ExecutableFolders.ofUser();
            assertThat(places).allMatch(Path::isAbsolute).anyMatch(place -> place.startsWith(folder));
            assertThat(places).noneMatch(place -> place.startsWith("/nonexistent"));
        }
    }

    @Test
    void aFolderOfAnotherUserInTheTemporaryOneIsNotTrusted() throws IOException {
        System.setProperty("java.io.tmpdir", folder.toString());
        Path own = ExecutableFolders.ofUser().stream()
                .filter(place -> place.startsWith(folder))
                .findFirst()
                .orElseThrow();
        assertThat(ExecutableFolders.problem(own)).isEmpty();
        Files.delete(own);
        Files.createSymbolicLink(own, Files.createDirectory(folder.resolve("elsewhere")));
        assertThat(ExecutableFolders.problem(own)).contains("%s is not this user's own".formatted(own));
    }

    private static void refuses(Path path, String reason) {
        System.setProperty("PYTORCH_LIBRARY_PATH", path.toString());
        assertThatThrownBy(NativeLibraries::prepare)
                .isInstanceOf(UnusableLibraryException.class)
                .hasMessageStartingWith("Cannot use PYTORCH_LIBRARY_PATH")
                .hasMessageContaining(path.toString())
                .hasMessageEndingWith(reason.startsWith("libtorch.so is built") ? "" : reason)
                .hasMessageContaining(reason);
    }

    private static int machineHere() {
        return System.getProperty("os.arch").equals("aarch64") ? AARCH64 : X86_64;
    }

    private void writeLibraries(int elfClass, int machine) throws IOException {
        writeLibraries(folder, elfClass, machine, "2.7.1");
    }

    private static void writeLibraries(Path folder, int elfClass, int machine, String version) throws IOException {
        for (String name : List.of("libtorch.so", "libtorch_cpu.so", "libc10.so")) {
            Files.write(folder.resolve(name), elf(elfClass, machine, version));
        }
    }

    private static void writeSymbols(Path folder, String name, ElfLibrary library) throws IOException {
        Files.write(folder.resolve(name), library.bytes(machineHere()));
    }

    private void writeElf(String name, int elfClass, int machine) throws IOException {
        Files.write(folder.resolve(name), elf(elfClass, machine, ""));
    }

    /** A header, and a version where a library keeps its strings, across the bounds of what is read at once. */
    private static byte[] elf(int elfClass, int machine, String version) {
        byte[] file = new byte[(1 << 20) + 100];
        System.arraycopy(new byte[] {0x7f, 'E', 'L', 'F', (byte) elfClass, 1, 1}, 0, file, 0, 7);
        file[16] = 3;
        file[18] = (byte) machine;
        byte[] text = version.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(text, 0, file, (1 << 20) - 3, text.length);
        return file;
    }
}
