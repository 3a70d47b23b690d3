package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A Spark need not have S3A. */
class WithoutS3aTest {
    private static final String OURS = "org.i2lspark.";

    @TempDir
    private java.nio.file.Path folder;

    /** Classes of this project, for which there is no S3A and no SDK of Amazon's. */
    private static final class Loader extends ClassLoader {
        Loader() {
            super(Loader.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("org.apache.hadoop.fs.s3a.") || name.startsWith("software.amazon.")) {
                throw new ClassNotFoundException(name);
            }
            if (!name.startsWith(OURS)) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                return loaded == null ? define(name) : loaded;
            }
        }

        private Class<?> define(String name) throws ClassNotFoundException {
            try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
                byte[] bytes = in.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    /** Runs where there is no S3A. */
    public static final class Work implements Callable<String> {
        private final Path folder;

        public Work(Path folder) {
            this.folder = folder;
        }

        @Override
        public String call() throws IOException {
            Configuration configuration = new Configuration();
            configuration.setClassLoader(Work.class.getClassLoader());
            Storage storage = new Storage(configuration);
            Path file = new Path(folder, "x.bin");
            int[] calls = {0};
            storage.createOnce(file, folder, out -> {
                if (calls[0]++ == 0) {
                    throw new IOException("412");
                }
                out.write(1);
            });
            try {
                storage.requireReachable(new Path("s3a://bucket/x"), "catalog");
                return "reached";
            } catch (UnusableException e) {
                return calls[0] + " " + e.getMessage();
            }
        }
    }

    @Test
    void localFilesWorkAndS3SaysWhatIsMissing() throws Exception {
        Class<?> work = Class.forName(Work.class.getName(), true, new Loader());
        Object said = ((Callable<?>) work.getConstructor(Path.class).newInstance(new Path(folder.toUri()))).call();
        assertThat(said)
                .isEqualTo(
                        "2 Cannot reach catalog s3a://bucket/x: this Spark has no S3A; add its jars with --jars, see 'S3' in README.md");
    }
}
