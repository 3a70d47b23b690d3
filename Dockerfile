# An image for Spark's executors and driver on Kubernetes, with the GPU libtorch; see conf/kubernetes.conf.
#   mvn -B -DskipTests package && docker build -t registry.example.com/i2l-spark:0.1.0 .
# Any image with Spark 4 for Scala 2.13 and Java 17 will do.
ARG SPARK=apache/spark:4.1.1-scala2.13-java17-ubuntu

FROM python:3.12-slim AS libtorch
COPY pom.xml /build/
COPY scripts/gpu-runtime /build/scripts/
RUN /build/scripts/gpu-runtime /opt/i2l-spark/gpu

FROM ${SPARK}
COPY --from=libtorch /opt/i2l-spark/gpu /opt/i2l-spark/gpu
COPY conf/gpu-discovery.sh jobs/target/i2l-spark-thin.jar /opt/i2l-spark/
# for s3a:
COPY jobs/target/s3a/*.jar /opt/spark/jars/
ENV PYTORCH_LIBRARY_PATH=/opt/i2l-spark/gpu/packages/torch/lib
