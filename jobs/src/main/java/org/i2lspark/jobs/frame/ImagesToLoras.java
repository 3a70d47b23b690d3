package org.i2lspark.jobs.frame;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.generate.Preflight;
import org.i2lspark.jobs.options.FrameOptions;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.ModelChoice;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.worker.GpuStage;
import org.i2lspark.jobs.worker.StreamOrder;
import org.i2lspark.jobs.worker.StyleStream.Request;
import org.i2lspark.jobs.worker.WorkOrder;
import org.i2lspark.model.ModelInput;

/**
 * Takes the images of a DataFrame to LoRAs and embeddings, the same bytes as {@code i2l image-to-lora} makes of an image with the
 * same options. Immutable: each setting gives another one.
 *
 * <p>An image is a column of the bytes of an image file, or of its URI. All tasks of an executor share one stack, on the GPUs that
 * Spark gives them ({@code spark.task.resource.gpu.amount}); batches fill across tasks. A process holds one stack at a time: one for
 * other checkpoints or other options of the stack replaces it.
 *
 * <p>Columns that come in addition:
 *
 * <ul>
 *   <li>{@code lora}, binary: a safetensors file
 *   <li>{@code siglip2} and {@code dinov3}, {@code array<float>}: the embeddings of the image, or the mean over the images of the
 *       style
 *   <li>{@code error}: why the others are null, as {@code [class] message}; null if they are not
 * </ul>
 *
 * <p>An image that cannot be used costs its row only. Rows are computed when they are asked for, and again when they are asked for
 * again; they come in any order.
 */
public final class ImagesToLoras {
    private static final ResultColumns ALL = new ResultColumns(List.of(ResultColumn.values()));
    private static final ResultColumns EMBEDDINGS =
            new ResultColumns(List.of(ResultColumn.SIGLIP2, ResultColumn.DINOV3, ResultColumn.ERROR));
    private static final ResultColumns LORA = new ResultColumns(List.of(ResultColumn.LORA, ResultColumn.ERROR));

    private final Map<String, String> options;
    private final String imageColumn;
    private final Optional<String> styleColumn;
    private final Optional<String> orderColumn;

    private ImagesToLoras(
            Map<String, String> options,
            String imageColumn,
            Optional<String> styleColumn,
            Optional<String> orderColumn) {
        this.options = options;
        this.imageColumn = imageColumn;
        this.styleColumn = styleColumn;
        this.orderColumn = orderColumn;
    }

    /**
     * With the checkpoints of a folder, and else the options' defaults, for images in a column {@code content}, as Spark's format
     * {@code binaryFile} has it.
     *
     * @param models a path on each machine that runs the stack, or an {@code hdfs:} or {@code s3a:} URI, which each node copies once
     */
    public static ImagesToLoras of(String models) {
        return new ImagesToLoras(Map.of("models", models), "content", Optional.empty(), Optional.empty());
    }

    /**
     * With an option of {@code i2l image-to-lora}, or {@code catalog-root} or {@code allow-http} of {@code i2l generate}, which say what
     * URIs may name: local images only below a root that is named.
     *
     * @param name as the command has it, without dashes, such as {@code key-format}
     * @param value a flag's is {@code true} or {@code false}
     */
    public ImagesToLoras option(String name, String value) {
        Map<String, String> more = new LinkedHashMap<>(options);
        more.put(name, value);
        return new ImagesToLoras(more, imageColumn, styleColumn, orderColumn);
    }

    /** With the images in this column: binary, or a string. */
    public ImagesToLoras imageColumn(String name) {
        return new ImagesToLoras(options, name, styleColumn, orderColumn);
    }

    /**
     * With a LoRA for each value of this column, of all its images. Such rows have this column and those that come in addition; an
     * image that cannot be used costs its style.
     */
    public ImagesToLoras styleColumn(String name) {
        return new ImagesToLoras(options, imageColumn, Optional.of(name), orderColumn);
    }

    /** With the images of a style in the order of this column; else they are in that of their bytes or URIs. */
    public ImagesToLoras orderColumn(String name) {
        return new ImagesToLoras(options, imageColumn, styleColumn, Optional.of(name));
    }

    /**
     * LoRAs and embeddings.
     *
     * @throws UnusableException if an executor cannot do what is asked, if an option is invalid, or if the columns do not fit
     */
    public Dataset<Row> loras(Dataset<Row> images) throws UnusableException {
        FrameOptions asked = FrameOptions.of(options);
        return made(images, asked, asked.form(), ALL);
    }

    /**
     * Embeddings alone: there is no column {@code lora}, and nothing is decoded.
     *
     * @throws UnusableException if an executor cannot do what is asked, if an option is invalid, or if the columns do not fit
     */
    public Dataset<Row> embeddings(Dataset<Row> images) throws UnusableException {
        return made(images, FrameOptions.of(options), null, EMBEDDINGS);
    }

    /**
     * Makes the functions {@code i2l_lora} and {@code i2l_embed} known to SQL and to expressions of the session. Each takes the bytes
     * or the URI of an image, or an array of them as the images of one style, and gives a struct of the columns that would come in
     * addition: {@code lora} and {@code error}, or {@code siglip2}, {@code dinov3} and {@code error}. SQL asks row by row, so batches
     * fill only across the tasks of a process; many images go faster through {@link #loras} and {@link #embeddings}.
     *
     * @throws UnusableException if an executor cannot do what is asked, or if an option is invalid
     */
    public void registerFunctions(SparkSession spark) throws UnusableException {
        FrameOptions asked = FrameOptions.of(options);
        StreamOrder loras = settle(spark, asked, asked.form());
        ShippedStorage stores = ShippedStorage.of(spark);
        StyleFunction lora = new StyleFunction(new ExecutorStreams(loras, stores), LORA);
        StyleFunction embed = new StyleFunction(new ExecutorStreams(loras.ofEmbeddings(), stores), EMBEDDINGS);
        spark.udf().register("i2l_lora", lora, lora.columns().type());
        spark.udf().register("i2l_embed", embed, embed.columns().type());
    }

    private Dataset<Row> made(Dataset<Row> images, FrameOptions asked, LoraForm form, ResultColumns columns)
            throws UnusableException {
        if (orderColumn.isPresent() && styleColumn.isEmpty()) {
            throw new UnusableException("Cannot order images by %s: there is no column of styles to order them in"
                    .formatted(orderColumn.get()));
        }
        StructType schema = images.schema();
        int image = requireImages(schema);
        StructType passedOn = styleColumn.isEmpty()
                ? schema
                : new StructType(new StructField[] {schema.fields()[index(schema, styleColumn.get())]});
        StructType result = columns.after(passedOn);
        StreamOrder order = settle(images.sparkSession(), asked, form);
        ExecutorStreams streams = new ExecutorStreams(order, ShippedStorage.of(images.sparkSession()));
        if (styleColumn.isEmpty()) {
            return images.mapPartitions(
                    new PartitionFunction(streams, rows -> alone(rows, image), columns), Encoders.row(result));
        }
        int mostImages = asked.limits().maxImagesPerStyle();
        return ofStyles(images)
                .mapPartitions(
                        new PartitionFunction(streams, rows -> new StyleRows(rows, mostImages), columns),
                        Encoders.row(result));
    }

    private static Iterator<Request<Row>> alone(Iterator<Row> rows, int image) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public Request<Row> next() {
                Row row = rows.next();
                return new Request<>(row, ImageValues.of(row.get(image)));
            }
        };
    }

    /** The images of a style one after the other, as {@link StyleRows} has them. */
    private Dataset<Row> ofStyles(Dataset<Row> images) throws UnusableException {
        String order = orderColumn.orElse(imageColumn);
        index(images.schema(), order);
        return images.select(
                        column(styleColumn.get()).as("style"),
                        column(imageColumn).as("image"),
                        column(order).as("order"))
                .repartition(functions.col("style"))
                .sortWithinPartitions("style", "order", "image");
    }

    /** By its whole name, dots included. */
    private static Column column(String name) {
        return functions.col("`" + name.replace("`", "``") + "`");
    }

    private int requireImages(StructType schema) throws UnusableException {
        int index = index(schema, imageColumn);
        DataType type = schema.fields()[index].dataType();
        if (!type.equals(DataTypes.BinaryType) && !type.equals(DataTypes.StringType)) {
            throw new UnusableException(
                    "Invalid image column: %s is %s (expected binary, the bytes of image files, or string, their URIs)"
                            .formatted(imageColumn, type.simpleString()));
        }
        return index;
    }

    private static int index(StructType schema, String name) throws UnusableException {
        List<String> names = List.of(schema.fieldNames());
        if (!names.contains(name)) {
            throw new UnusableException(
                    "Cannot find the column %s (expected one of: %s)".formatted(name, String.join(", ", names)));
        }
        return names.indexOf(name);
    }

    private static StreamOrder settle(SparkSession spark, FrameOptions asked, LoraForm form) throws UnusableException {
        ModelChoice choice = asked.stack().choice(asked.stack().baseModel(), ModelInput.IMAGES);
        WorkOrder stack = Preflight.ask(spark, asked.stack().compute(), choice, WorkOrder::settle);
        if (!spark.sparkContext().isLocal()) {
            GpuStage.requireGivenToTasks(
                    spark.sparkContext().getConf(), stack.stack().device());
        }
        return new StreamOrder(stack, form, asked.rules(), asked.limits());
    }
}
