#!/usr/bin/env bash
# Tells Spark which GPUs this node has; see spark.*.resource.gpu.discoveryScript in the files beside this one.
# I2L_FAKE_GPUS=N makes it tell of N GPUs that are not there, for trying a cluster on a machine without.
set -euo pipefail

if [[ -n ${I2L_FAKE_GPUS:-} ]]; then
  indexes=$(seq 0 $((I2L_FAKE_GPUS - 1)))
else
  indexes=$(nvidia-smi --query-gpu=index --format=csv,noheader)
fi
printf '{"name": "gpu", "addresses": [%s]}\n' "$(sed 's/.*/"&"/' <<<"$indexes" | paste -sd, -)"
