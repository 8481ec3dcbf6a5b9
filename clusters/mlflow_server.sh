#!/usr/bin/env bash
# Start the MLflow server of a cluster's head, unless it already answers.
#
#   clusters/mlflow_server.sh FOLDER ARTIFACTS [ADDRESS [PORT]]
#   clusters/mlflow_server.sh --stop FOLDER
#
# FOLDER is on a disk of this machine (never NFS): it gets the log, and runs.db unless
# ~/.ray/mlflow_store contains the URI of another database, such as
# postgresql://USER:PASSWORD@HOST/mlflow. ARTIFACTS is a folder or URI that outlives this machine.
#
# MLflow does not require a password, so it listens only at two addresses: on loopback, which `ray
# attach -p` forwards, and on ADDRESS, which the other machines use; Ray knows it if there is one
# network. Requests with any other host name are refused; otherwise a web page could access MLflow
# through the reader's browser.
set -euo pipefail

if [ "$1" = --stop ]; then
  for file in "$2"/*.pid; do
    # The server and its workers, which form a separate process group.
    [ ! -f "$file" ] || kill -- "-$(<"$file")" 2>/dev/null || true
    rm -f "$file"
  done
  exit
fi

folder=$1 artifacts=$2 address=${3:-} port=${4:-5000}
umask 077
mkdir -p "$folder"

store=$HOME/.ray/mlflow_store
if [ -f "$store" ]; then
  chmod 600 "$store"
  MLFLOW_BACKEND_STORE_URI=$(<"$store")
else
  MLFLOW_BACKEND_STORE_URI=sqlite:///$folder/runs.db
fi
# It is passed in the environment, because all users of a machine can read arguments.
export MLFLOW_BACKEND_STORE_URI
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false

answers() { # ADDRESS
  python - "http://$1:$port/health" 2>/dev/null <<'PYTHON'
import sys, urllib.request as request
request.build_opener(request.ProxyHandler({})).open(sys.argv[1], timeout=5)
PYTHON
}

open_door() { # ADDRESS NAMES
  answers "$1" && return
  # On a busy machine a worker takes longer to import than the 5 seconds after which it would be
  # ended, over and over again.
  setsid nohup mlflow server --host "$1" --port "$port" --workers 2 --allowed-hosts "$2" \
    --uvicorn-opts "--timeout-worker-healthcheck 300" --artifacts-destination "$artifacts" \
    >>"$folder/mlflow.log" 2>&1 </dev/null &
  local server=$!
  echo "$server" >"$folder/$1.pid"
  for _ in $(seq 300); do
    answers "$1" && return
    kill -0 "$server" 2>/dev/null || break
    sleep 1
  done
  tail -n 20 "$folder/mlflow.log" >&2
  echo "MLflow did not start at $1:$port; its log is $folder/mlflow.log" >&2
  return 1
}

if [ -z "$address" ]; then
  address=$(python -c 'from ray.util import get_node_ip_address; print(get_node_ip_address())')
fi
# One after the other, because the first one creates the tables.
open_door 127.0.0.1 "127.0.0.1:$port,localhost:$port"
[ "$address" = 127.0.0.1 ] || open_door "$address" "$address:$port"
echo "MLflow answers at http://127.0.0.1:$port and http://$address:$port"
