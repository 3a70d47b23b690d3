package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.i2lspark.torch.ElementType;

/** A LoRA of random factors in memory, and its deltas as full matrices in double precision. */
final class RandomLora implements LoraSource {
    static final List<String> MODULES = List.of(
            "transformer_blocks.0.attn.to_q",
            "transformer_blocks.0.attn.to_out.0",
            "transformer_blocks.1.img_mlp.net.2",
            "transformer_blocks.11.txt_mod.1");

    private final Map<Shape, Factors> modules = new TreeMap<>((a, b) -> a.name().compareTo(b.name()));

    RandomLora(long seed, int rank) {
        this(seed, rank, MODULES);
    }

    RandomLora(long seed, int rank, List<String> names) {
        this(seed, names.stream().map(name -> shape(name, rank)).toList());
    }

    RandomLora(long seed, List<Shape> shapes) {
        Random random = new Random(seed);
        for (Shape shape : shapes) {
            modules.put(
                    shape,
                    new Factors(
                            gaussian(random, shape.rank() * shape.in()), gaussian(random, shape.out() * shape.rank())));
        }
    }

    private static Shape shape(String name, int rank) {
        int in = name.contains("mlp") ? 20 : 9;
        int out = name.contains("mod") ? 24 : 7;
        return new Shape(name, rank, in, out);
    }

    private static float[] gaussian(Random random, int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @Override
    public List<Shape> modules() {
        return List.copyOf(modules.keySet());
    }

    @Override
    public Factors factors(Shape module) {
        return modules.get(module);
    }

    @Override
    public Map<String, String> metadata() {
        return Map.of("i2l.variants", "style");
    }

    Path write(Path path, ElementType type, KeyFormat format) throws IOException {
        try (FileChannel out = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            LoraWriter.write(out, this, type, format, metadata());
        }
        return path;
    }

    /** B·A of each module. */
    static Map<String, double[][]> deltas(LoraSource lora) throws IOException {
        Map<String, double[][]> deltas = new TreeMap<>();
        for (Shape shape : lora.modules()) {
            Factors factors = lora.factors(shape);
            double[][] delta = new double[shape.out()][shape.in()];
            for (int o = 0; o < shape.out(); o++) {
                for (int i = 0; i < shape.in(); i++) {
                    for (int r = 0; r < shape.rank(); r++) {
                        delta[o][i] += (double) factors.b()[o * shape.rank() + r] * factors.a()[r * shape.in() + i];
                    }
                }
            }
            deltas.put(shape.name(), delta);
        }
        return deltas;
    }

    static double inner(double[][] a, double[][] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                sum += a[i][j] * b[i][j];
            }
        }
        return sum;
    }

    /** {@code a + factor * b}. */
    static double[][] plus(double[][] a, double[][] b, double factor) {
        double[][] sum = new double[a.length][a[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                sum[i][j] = a[i][j] + factor * b[i][j];
            }
        }
        return sum;
    }

    /** Squared singular values of a full matrix, largest first, by Jacobi rotations of its Gram matrix. */
    static double[] squaredSingularValues(double[][] matrix) {
        int n = matrix.length;
        double[][] gram = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                for (int k = 0; k < matrix[0].length; k++) {
                    gram[i][j] += matrix[i][k] * matrix[j][k];
                }
            }
        }
        for (int sweep = 0; sweep < 60; sweep++) {
            for (int p = 0; p < n; p++) {
                for (int q = p + 1; q < n; q++) {
                    rotate(gram, p, q);
                }
            }
        }
        double[] values = new double[n];
        for (int i = 0; i < n; i++) {
            values[i] = -gram[i][i];
        }
        Arrays.sort(values);
        for (int i = 0; i < n; i++) {
            values[i] = -values[i];
        }
        return values;
    }

    private static void rotate(double[][] m, int p, int q) {
        if (Math.abs(m[p][q]) < 1e-300) {
            return;
        }
        double theta = (m[q][q] - m[p][p]) / (2 * m[p][q]);
        double t = Math.signum(theta) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        t = theta == 0 ? 1 : t;
        double c = 1 / Math.sqrt(t * t + 1);
        double s = t * c;
        for (int k = 0; k < m.length; k++) {
            double kp = m[k][p];
            double kq = m[k][q];
            m[k][p] = c * kp - s * kq;
            m[k][q] = s * kp + c * kq;
        }
        for (int k = 0; k < m.length; k++) {
            double pk = m[p][k];
            double qk = m[q][k];
            m[p][k] = c * pk - s * qk;
            m[q][k] = s * pk + c * qk;
        }
    }

    static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
