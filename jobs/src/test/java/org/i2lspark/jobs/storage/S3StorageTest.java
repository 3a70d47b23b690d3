package org.i2lspark.jobs.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.s3.FaultyS3;
import org.i2lspark.jobs.s3.FaultyS3.Fault;
import org.i2lspark.jobs.s3.FaultyS3.Refusal;
import org.i2lspark.jobs.s3.S3Server;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class S3StorageTest extends StorageContract {
    private static S3Server server;
    private static FaultyS3 faulty;
    private static Storage storage;

    private Path folder;

    @BeforeAll
    static void start() throws IOException {
        server = new S3Server();
        faulty = new FaultyS3(server.endpoint());
        storage = new Storage(S3Server.configuration(faulty.endpoint()));
    }

    @AfterAll
    static void stop() {
        faulty.close();
        server.close();
    }

    @BeforeEach
    void choose() {
        faulty.reset();
        folder = new Path("s3a://" + S3Server.BUCKET + "/" + UUID.randomUUID());
    }

    @Override
    Storage storage() {
        return storage;
    }

    @Override
    Path folder() {
        return folder;
    }

    /** Each type of request that writing a file takes is hurt in each way, once; the file is there, once, and right. */
    @ParameterizedTest
    @EnumSource(
            value = Fault.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"NONE", "CORRUPTED", "CUT"})
    void aWriteSurvives(Fault fault) throws IOException {
        for (String type :
                Set.of("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "HeadObject")) {
            int size = type.equals("PutObject") ? 1_000_000 : 11_000_000;
            AtomicInteger hurt = new AtomicInteger();
            faulty.setPlan(request -> request.type().equals(type) && hurt.getAndIncrement() == 0 ? fault : Fault.NONE);
            Path file = new Path(folder, type + ".bin");
            Stored stored = storage.createOnce(file, folder, out -> out.write(new byte[size]));
            assertThat(stored).isEqualTo(new Stored(size, Hashes.sha256(new byte[size]), true));
            faulty.setPlan(request -> Fault.NONE);
            assertThat(storage.hash(file).sha256()).isEqualTo(stored.sha256());
        }
        assertThat(storage.files(folder)).hasSize(5);
    }

    @ParameterizedTest
    @EnumSource(
            value = Fault.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"NONE", "CORRUPTED"})
    void aReadSurvives(Fault fault) throws IOException {
        byte[] content = new byte[3_000_000];
        content[2_999_999] = 7;
        Path file = new Path(folder, "read.bin");
        storage.replace(file, folder, content);
        for (String type : Set.of("GetObject", "HeadObject")) {
            AtomicInteger hurt = new AtomicInteger();
            faulty.setPlan(request -> request.type().equals(type) && hurt.getAndIncrement() < 2 ? fault : Fault.NONE);
            assertThat(storage.readAll(file, content.length)).isEqualTo(content);
            assertThat(storage.hash(file).sha256()).isEqualTo(Hashes.sha256(content));
        }
    }

    @Test
    void aStoreThatIsDownFailsTheWriteAndLeavesNothing() throws IOException {
        Path file = new Path(folder, "down.bin");
        faulty.setPlan(request -> Fault.ERROR_BEFORE);
        assertThatThrownBy(() -> storage.createOnce(file, folder, out -> out.write(1)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("500");
        faulty.setPlan(request -> Fault.NONE);
        assertThat(storage.status(file)).isEmpty();
        assertThatThrownBy(() -> storage.readAll(file, 1)).isInstanceOf(FileNotFoundException.class);
    }

    /** A name may read like an error, and the store's errors repeat it. */
    @Test
    void aNameDecidesNothing() throws IOException {
        String name = "style-00412/quota-images/out of memory/No space left on device/403 Forbidden.bin";
        Storage own = withoutOwnRetries();
        AtomicInteger hurt = new AtomicInteger();
        faulty.setPlan(request ->
                request.type().equals("PutObject") && hurt.getAndIncrement() < 2 ? Fault.ERROR_BEFORE : Fault.NONE);
        assertThat(own.createOnce(new Path(folder, name), folder, out -> out.write(1))
                        .created())
                .isTrue();
        faulty.setPlan(request -> Fault.ERROR_BEFORE);
        assertThatThrownBy(() -> own.createOnce(new Path(folder, "2/" + name), folder, out -> out.write(1)))
                .isInstanceOf(IOException.class)
                .isNotInstanceOf(FileNotFoundException.class)
                .satisfies(
                        problem -> assertThat(StoreProblems.httpStatus(problem)).hasValue(500));
    }

    /** So that it is this project that tries again. */
    private static Storage withoutOwnRetries() {
        Configuration configuration = S3Server.configuration(faulty.endpoint());
        configuration.set("fs.s3a.retry.limit", "0");
        return new Storage(configuration);
    }

    @Test
    void aConflictOfTwoWritersIsTriedAgain() throws IOException {
        AtomicInteger conflicts = new AtomicInteger();
        faulty.refuse(request -> request.ifNoneMatch() != null && conflicts.getAndIncrement() == 0
                ? Optional.of(new Refusal(409, "ConditionalRequestConflict"))
                : Optional.empty());
        assertThat(storage.createOnce(new Path(folder, "x.bin"), folder, out -> out.write(1))
                        .created())
                .isTrue();
    }

    @Test
    void deletingManyTakesFewRequestsAndSaysWhatFailed() throws IOException {
        List<Path> files = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            Path file = new Path(folder, "many/" + i);
            storage.replace(file, folder, new byte[1]);
            files.add(file);
        }
        AtomicInteger requests = new AtomicInteger();
        faulty.setPlan(request -> {
            requests.incrementAndGet();
            return Fault.NONE;
        });
        faulty.refuse(request -> request.type().equals("DeleteObjects") && requests.get() == 2
                ? Optional.of(new Refusal(403, "AccessDenied"))
                : Optional.empty());
        assertThat(storage.deleteAll(files)).containsOnlyKeys(files.subList(10, 12));
        // pages of five
        assertThat(requests).hasValue(2);
        assertThat(storage.files(folder)).hasSize(2);
    }

    /** Three objects of the bucket, and how many reads they take. */
    private int readsOf(Storage reader, List<Path> files) throws IOException {
        AtomicInteger reads = new AtomicInteger();
        faulty.setPlan(request -> {
            reads.addAndGet(request.type().equals("GetObject") ? 1 : 0);
            return Fault.NONE;
        });
        for (Path file : files) {
            assertThat(reader.readAll(file, 2000)).isEqualTo(content(file));
        }
        return reads.get();
    }

    private static byte[] content(Path file) {
        return file.getName().repeat(100).getBytes(UTF_8);
    }

    private List<Path> threeObjects() throws IOException {
        List<Path> files = List.of(new Path(folder, "a"), new Path(folder, "b"), new Path(folder, "c"));
        for (Path file : files) {
            storage.replace(file, folder, content(file));
        }
        return files;
    }

    private static Storage fresh() {
        return new Storage(S3Server.configuration(faulty.endpoint()));
    }

    @Test
    void objectsAreReadOnceWhateverTheirTagsAre() throws IOException {
        List<Path> files = threeObjects();
        assertThat(readsOf(fresh(), files)).isEqualTo(3);
        faulty.tagLikeKms();
        Storage reader = fresh();
        // that the tags say nothing is found out once
        assertThat(readsOf(reader, files)).isEqualTo(4);
        assertThat(readsOf(reader, files)).isEqualTo(3);
    }

    @Test
    void aReadThatIsChangedOnTheWayIsFound() throws IOException {
        List<Path> files = threeObjects();
        for (boolean likeKms : new boolean[] {false, true}) {
            faulty.reset();
            if (likeKms) {
                faulty.tagLikeKms();
            }
            AtomicInteger reads = new AtomicInteger();
            faulty.setPlan(request ->
                    request.type().equals("GetObject") && reads.getAndIncrement() == 0 ? Fault.CORRUPTED : Fault.NONE);
            assertThat(fresh().readAll(files.get(0), 2000)).isEqualTo(content(files.get(0)));
        }
    }

    /** As when a commit writes down the hashes of its files. */
    @Test
    void aHashOfBytesThatChangedOnTheWayIsFound() throws IOException {
        Path file = new Path(folder, "hashed.bin");
        String sha256 =
                storage.replace(file, folder, out -> out.write(new byte[3000])).sha256();
        for (int hurt = 0; hurt < 2; hurt++) {
            int victim = hurt;
            AtomicInteger reads = new AtomicInteger();
            faulty.setPlan(request -> request.type().equals("GetObject") && reads.getAndIncrement() == victim
                    ? Fault.CORRUPTED
                    : Fault.NONE);
            assertThat(storage.hash(file).sha256()).isEqualTo(sha256);
            reads.set(0);
            assertThat(storage.hash(file, sha256).sha256()).isEqualTo(sha256);
        }
        AtomicInteger reads = new AtomicInteger();
        faulty.setPlan(request -> {
            reads.addAndGet(request.type().equals("GetObject") ? 1 : 0);
            return Fault.NONE;
        });
        storage.hash(file, sha256);
        assertThat(reads).hasValue(1);
    }

    @Test
    void tagsOfTwoKindsInOneBucketAreNotTrusted() throws IOException {
        List<Path> files = threeObjects();
        Storage reader = fresh();
        faulty.tagLikeKms();
        assertThat(readsOf(reader, files)).isEqualTo(4);
        faulty.reset();
        assertThat(readsOf(reader, files)).isEqualTo(3);
        AtomicInteger reads = new AtomicInteger();
        faulty.setPlan(request ->
                request.type().equals("GetObject") && reads.getAndIncrement() == 0 ? Fault.CORRUPTED : Fault.NONE);
        assertThat(reader.readAll(files.get(0), 2000)).isEqualTo(content(files.get(0)));
    }

    @Test
    void knowsWhetherTheWayIsSafe() {
        Configuration configuration = new Configuration(false);
        assertThat(ObjectStore.usesTls(configuration)).isTrue();
        configuration.set("fs.s3a.endpoint", "https://s3.example.com");
        assertThat(ObjectStore.usesTls(configuration)).isTrue();
        configuration.set("fs.s3a.endpoint", "http://s3.example.com");
        assertThat(ObjectStore.usesTls(configuration)).isFalse();
        configuration.set("fs.s3a.endpoint", "s3.example.com");
        configuration.set("fs.s3a.connection.ssl.enabled", "false");
        assertThat(ObjectStore.usesTls(configuration)).isFalse();
    }
}
