#!/usr/bin/env bash
# Tells Spark which GPUs this node has; see spark.*.resource.gpu.discoveryScript in the files beside this one.
# I2L_GPUS=0,1 makes it tell of these only, as to one of several workers on a node; or, to try a cluster, of some that are not there.
set -euo pipefail

indexes=${I2L_GPUS:-$(nvidia-smi --query-gpu=index --format=csv,noheader | paste -sd, -)}
printf '{"name": "gpu", "addresses": ["%s"]}\n' "${indexes//,/\", \"}"
