"""Every night: LoRAs of the brands' new and changed styles. Needs apache-airflow-providers-apache-spark and a connection i2l_spark."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

with DAG(
    dag_id="i2l_nightly",
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    tags=["i2l"],
) as dag:
    # Where the connection's deploy mode is client, the task fails with i2l's exit code in its log; in cluster mode spark-submit knows only
    # whether the application succeeded. What fails for its images would fail again, so there is no retry.
    SparkSubmitOperator(
        task_id="generate",
        conn_id="i2l_spark",
        application="/opt/i2l-spark/i2l-spark-thin.jar",
        java_class="org.i2lspark.jobs.cli.Main",
        properties_file="/opt/i2l-spark/conf/kubernetes.conf",
        application_args=[
            "generate",
            "--catalog", "s3a://brands/catalog",
            "--models", "s3a://brands/models",
            "--output", "s3a://brands/loras",
            "--fail-on", "new",
        ],
        retries=0,
    )
