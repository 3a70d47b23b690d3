/**
 * Images in DataFrames to LoRAs and embeddings, for programs in Java, Scala and Python, and for SQL.
 *
 * <pre>{@code
 * Dataset<Row> loras = ImagesToLoras.of("models/")
 *         .option("variants", "style,coarse")
 *         .loras(spark.read().format("binaryFile").load("photos/"));
 * }</pre>
 */
package org.i2lspark.jobs.frame;
