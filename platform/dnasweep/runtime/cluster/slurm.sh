#!/usr/bin/env bash
# One SLURM allocation as a Ray cluster, and a command on it; docs/how_to/slurm.md tells the whole of it.
#
#   sbatch --nodes=2 --gpus-per-node=4 --cpus-per-task=16 --mem=64G --time=12:00:00 \
#     clusters/slurm.sh python sweeps/tokenizer_grid.py --data promoters.csv
#
# Submit it in a folder that all nodes share, with the command as you would type it there. Options are those
# of sbatch, which take the place of those below, and these variables:
#
#   DNASWEEP_VENV        virtual environment; default: .venv in the folder, or the one that is active
#   DNASWEEP_SIF         image of Apptainer to run in, in place of an environment
#   DNASWEEP_REQUEUES    how often a job that ran out of time goes on in another allocation; default 10
#   DNASWEEP_SCRATCH     a folder on each node's own disk; default: SLURM_TMPDIR, TMPDIR or /tmp
#   DNASWEEP_JOIN_S      seconds that nodes have to join; default 180
#
#SBATCH --job-name=dnasweep
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
set -uo pipefail

say() { echo "$(date '+%F %T') $*"; }
refuse() { say "$1" >&2; exit "${2:-1}"; }

[ -n "${SLURM_JOB_ID:-}" ] || { sed -n '2,/^#SBATCH/{/^#SBATCH/!s/^# \{0,1\}//p}' "$0"; exit 2; }
[ $# -gt 0 ] || refuse "there is no command: sbatch clusters/slurm.sh python sweeps/tokenizer_grid.py ..." 2

if [ -n "${DNASWEEP_SIF:-}" ]; then
  [ -r "$DNASWEEP_SIF" ] || refuse "DNASWEEP_SIF is $DNASWEEP_SIF, and there is no such file on $SLURMD_NODENAME" 2
  command -v apptainer >/dev/null || refuse "there is no apptainer on $SLURMD_NODENAME, which DNASWEEP_SIF needs: load its module before you submit" 2
  DNASWEEP_SIF=$(realpath "$DNASWEEP_SIF") DNASWEEP_VENV=
elif [ -z "${DNASWEEP_VENV:-}" ]; then
  if [ -x .venv/bin/python ]; then DNASWEEP_VENV=$PWD/.venv; else DNASWEEP_VENV=${VIRTUAL_ENV:-}; fi
fi
export DNASWEEP_SIF=${DNASWEEP_SIF:-}
[ -z "$DNASWEEP_VENV" ] || export PATH=$DNASWEEP_VENV/bin:$PATH
steps=() driver= warned=
# SLURM says that the time is nearly up, up to half a minute early: to a job that asks for little, at once.
trap 'say "the time is nearly up: keeping the states"; warned=1; [ -z "$driver" ] || kill -TERM "$driver" 2>/dev/null' USR1

# Becomes a command: in the image, if one is named, or as it is.
become() {
  [ -n "${DNASWEEP_SIF:-}" ] || exec "$@"
  local scratch=${DNASWEEP_SCRATCH:-${SLURM_TMPDIR:-${TMPDIR:-/tmp}}} nvidia=
  [ -z "${CUDA_VISIBLE_DEVICES:-}" ] || nvidia=--nv
  exec apptainer exec $nvidia --bind "${DNASWEEP_FOLDER:-$PWD}" --bind "$scratch" --pwd "$PWD" "$DNASWEEP_SIF" "$@"
}
python() { (become python "$@"); }
# As `ray`, whose first line may name another Python where an environment has been moved or copied.
ray() { (become python -m ray.scripts.scripts "$@"); }

python -c 'import dnasweep, ray' 2>/dev/null ||
  refuse "dnasweep is not found by ${DNASWEEP_SIF:-$(type -P python || echo 'any python')} on $SLURMD_NODENAME: name its virtual environment, sbatch --export=ALL,DNASWEEP_VENV=..." 2

# What every node runs: `on_node head` or `on_node worker`. It tells Ray what SLURM grants on this node; Ray
# itself would take all that the machine has.
on_node() {
  local name=${SLURMD_NODENAME:-$(hostname)}
  fail() { echo "$name: $1" >&2; exit 1; }
  [ -d "$DNASWEEP_FOLDER" ] ||
    fail "the folder $DNASWEEP_FOLDER is not there: submit in a folder that all nodes share."
  cd "$DNASWEEP_FOLDER" || fail "the folder $DNASWEEP_FOLDER cannot be entered."
  local found
  found=$(python -c 'import platform; print(platform.python_version())' 2>&1) ||
    fail "python does not start ($found): the virtual environment has to lie in a folder that all nodes share."
  [ "$found" = "$DNASWEEP_PYTHON" ] ||
    fail "Python is $found here and $DNASWEEP_PYTHON on the first node: use one environment for all nodes."

  local cpus=${SLURM_CPUS_ON_NODE:-1} allowed
  allowed=$(nproc)
  [ "$allowed" -ge "$cpus" ] || cpus=$allowed

  # MB: of the job, of its cgroup, of the machine; the least of them.
  local memory limit file
  memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  for limit in "${SLURM_MEM_PER_NODE:-0}" "$((${SLURM_MEM_PER_CPU:-0} * cpus))"; do
    [ "$limit" -le 0 ] || [ "$limit" -ge "$memory" ] || memory=$limit
  done
  while IFS=: read -r _ controllers path; do
    case $controllers in
      memory) file=/sys/fs/cgroup/memory$path/memory.limit_in_bytes ;;
      "") file=/sys/fs/cgroup$path/memory.max ;;
      *) continue ;;
    esac
    while [ "${#file}" -gt 15 ]; do
      limit=$(cat "$file" 2>/dev/null || echo max)
      [[ $limit =~ ^[0-9]{1,15}$ ]] && [ $((limit >> 20)) -lt "$memory" ] && memory=$((limit >> 20))
      # Limits of the job's step and of the job lie above the task's own.
      [ "$(dirname "$(dirname "$file")")" != /sys/fs/cgroup ] || break
      file=$(dirname "$(dirname "$file")")/$(basename "$file")
    done
  done </proc/self/cgroup

  local visible=${CUDA_VISIBLE_DEVICES:-${ROCR_VISIBLE_DEVICES:-}} gpus=0
  [ -z "$visible" ] || [ "$visible" = NoDevFiles ] || gpus=$(awk -F, '{print NF}' <<<"$visible")
  # A total for the job (--gpus) may leave a node without; what a node itself was granted has to be there.
  [ "$gpus" -gt 0 ] || [ "${SLURM_GPUS_ON_NODE:-0}" = 0 ] ||
    fail "SLURM grants $SLURM_GPUS_ON_NODE GPUs here and none is visible: look at \`scontrol show job $SLURM_JOB_ID\`."

  # Ray opens sockets below it, whose paths may have 107 characters in all.
  local scratch=${DNASWEEP_SCRATCH:-${SLURM_TMPDIR:-${TMPDIR:-/tmp}}}
  local folder=$scratch/ray-$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}
  [ "${#folder}" -le 40 ] || folder=/tmp/ray-$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}
  mkdir -p -m 700 "$folder" || fail "no folder can be made in $scratch: name another in DNASWEEP_SCRATCH."

  local own address
  address=$(address_of "$name") || fail "its address is not known: getent ahostsv4 $name"
  # The interface that the others see: else gloo and NCCL may take loopback.
  own=$(ip -o -4 addr show 2>/dev/null | awk -v a="$address" 'index($4, a "/") == 1 {print $2; exit}')
  [ -z "$own" ] || export GLOO_SOCKET_IFNAME=${GLOO_SOCKET_IFNAME:-$own} NCCL_SOCKET_IFNAME=${NCCL_SOCKET_IFNAME:-$own}

  # A fifth of the memory keeps objects; a fifth is left to the driver and to the processes of Ray.
  local store=$((memory / 5))
  local common=(
    --node-ip-address="$address" --num-cpus="$cpus" --num-gpus="$gpus"
    --memory=$(((memory * 3 / 5) << 20)) --object-store-memory=$((store << 20))
    --min-worker-port=0 --max-worker-port=0 --dashboard-agent-listen-port=0
    --disable-usage-stats --block
  )
  echo "$name at $address: $cpus CPUs, $gpus GPUs, $memory MB, files of Ray in $folder"
  # Its name is written out: the trap runs when this function has ended.
  trap "rm -rf $(printf %q "$folder")" EXIT
  if [ "$1" = head ]; then
    [ -z "$DNASWEEP_CLIENT_PORT" ] || common+=(--ray-client-server-port="$DNASWEEP_CLIENT_PORT")
    become python -m ray.scripts.scripts start --head --port="${RAY_ADDRESS##*:}" \
      --temp-dir="$folder" --include-dashboard=false "${common[@]}" >"$folder/start.log" 2>&1 &
  else
    become python -m ray.scripts.scripts start --address="$RAY_ADDRESS" --temp-dir="$folder" "${common[@]}" >"$folder/start.log" 2>&1 &
  fi
  local started=$! code ended=
  trap 'ended=1' TERM INT
  # At the end of the job its private folder goes.
  while [ -z "$ended" ] && kill -0 "$started" 2>/dev/null; do
    [ -e "$RAY_AUTH_TOKEN_PATH" ] || ended=1
    sleep 1
  done
  if [ -n "$ended" ]; then
    # SLURM ends what is left with the step.
    kill -TERM "$started" 2>/dev/null
    local last=$((SECONDS + 20))
    while kill -0 "$started" 2>/dev/null && [ $SECONDS -lt $last ]; do sleep 0.5; done
    kill -KILL "$started" 2>/dev/null
    return 0
  fi
  wait "$started"; code=$?
  tail -n 20 "$folder/start.log" >&2
  fail "Ray has ended with $code; its last lines stand above. If another program has taken a port meanwhile, submit the job again."
}

# The address by which other nodes reach a node: not 127.0.1.1, which Debian's /etc/hosts may have for it.
address_of() {
  local found
  found=$(scontrol show node "$1" 2>/dev/null | grep -o 'NodeAddr=[^ ]*' | cut -d= -f2)
  [[ $found =~ ^[0-9.]+$ ]] || found=$(getent ahostsv4 "${found:-$1}" | awk '$1 !~ /^127\./ {print $1; exit}')
  [ -n "$found" ] || found=$(hostname -I | awk '{print $1}')
  [ -n "$found" ] && echo "$found"
}
export -f become python ray on_node address_of

first=$SLURMD_NODENAME
address=$(address_of "$first") || refuse "the address of $first is not known"
read -r port client < <(python - <<'PYTHON'
import importlib.util
import socket

sockets = [socket.socket() for _ in range(2)]
for one in sockets:
    one.bind(("", 0))
port, client = (one.getsockname()[1] for one in sockets)
# Without grpc, Ray has no server for clients.
print(port, client if importlib.util.find_spec("grpc") else "")
PYTHON
)
export RAY_ADDRESS=$address:$port DNASWEEP_CLIENT_PORT=$client DNASWEEP_FOLDER=$PWD
# Ray's workers would step back behind all else on a node, and so behind other jobs that share it.
export RAY_worker_niceness=${RAY_worker_niceness:-0}
# Nothing is left to wait for when Ray is ended; it would wait for 30 s.
export RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0
export RAY_USAGE_STATS_ENABLED=0 RAY_TRAIN_ENABLE_STATE_ACTOR_RECONCILIATION=0 PYTHONUNBUFFERED=1
DNASWEEP_PYTHON=$(python -c 'import platform; print(platform.python_version())') || refuse "python does not start"
export DNASWEEP_PYTHON
# The tasks of an array that work on one sweep begin at different trials.
[ -z "${SLURM_ARRAY_TASK_COUNT:-}" ] || export DNASWEEP_SHARE=${DNASWEEP_SHARE:-$(
  python -c 'import sys; task, first, last, count = map(int, sys.argv[1:]); step = (last - first) // max(1, count - 1) or 1; print(f"{(task - first) // step % count}/{count}")' \
    "$SLURM_ARRAY_TASK_ID" "$SLURM_ARRAY_TASK_MIN" "$SLURM_ARRAY_TASK_MAX" "$SLURM_ARRAY_TASK_COUNT"
)}

# Whoever knows the token runs code as you. It lives as long as the job, in a folder that all nodes share.
private=$PWD/.dnasweep-slurm-$SLURM_JOB_ID
(umask 077 && mkdir -p "$private" && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$private/token") ||
  refuse "cannot write to $PWD: submit in a folder of your own"
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$private/token
# Is there as soon as anything is kept that another allocation goes on from.
export DNASWEEP_KEPT=$private/kept

clean_up() {
  trap - EXIT
  # Each node sees it, ends its Ray and removes its files.
  rm -rf "$private"
  local end=$((SECONDS + 40)) step
  for step in "${steps[@]}"; do
    while kill -0 "$step" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.5; done
    kill -TERM "$step" 2>/dev/null
    wait "$step" 2>/dev/null
  done
}
trap clean_up EXIT
trap '[ -z "$driver" ] || kill -TERM "$driver" 2>/dev/null; [ -n "$driver" ] || exit 143' TERM INT
say "job $SLURM_JOB_ID, start $((${SLURM_RESTART_COUNT:-0} + 1)), on $SLURM_JOB_NODELIST; folder $PWD; command: $*"
# What is asked for the job as a whole (--gpus) no step can have as a whole: each is given its part.
on_first= on_others=
if [ -n "${SLURM_GPUS:-}" ]; then
  here=${SLURM_GPUS_ON_NODE:-0} there=$((${SLURM_GPUS##*:} - ${SLURM_GPUS_ON_NODE:-0}))
  [ "$here" -gt 0 ] && on_first=--gpus=$here || on_first=--gres=none
  [ "$there" -gt 0 ] && on_others=--gpus=$there || on_others=--gres=none
fi
srun --overlap --nodes=1 --ntasks=1 $on_first --nodelist="$first" --cpu-bind=none bash -c 'on_node head' &
steps+=($!)
limit=$((SECONDS + ${DNASWEEP_JOIN_S:-180}))
# Where nothing listens yet, Ray's own check would wait for most of a minute.
until (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null && ray health-check --address "$RAY_ADDRESS" >/dev/null 2>&1; do
  kill -0 "${steps[0]}" 2>/dev/null || refuse "Ray did not start on $first: its reason stands above"
  [ $SECONDS -lt $limit ] || refuse "Ray did not answer on $first within ${DNASWEEP_JOIN_S:-180} s: give it more, DNASWEEP_JOIN_S"
  sleep 0.5
done
others=$((SLURM_JOB_NUM_NODES - 1))
if [ $others -gt 0 ]; then
  srun --overlap --nodes=$others --ntasks=$others $on_others --exclude="$first" --cpu-bind=none --kill-on-bad-exit=1 bash -c 'on_node worker' &
  steps+=($!)
  while :; do
    joined=$(python - <<'PYTHON'
import os

import ray

ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level="ERROR")
print(*sorted(node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]))
PYTHON
    ) || refuse "the cluster on $first does not answer"
    [ "$(wc -w <<<"$joined")" -lt "$SLURM_JOB_NUM_NODES" ] || break
    kill -0 "${steps[1]}" 2>/dev/null || refuse "a node did not join: its name and reason stand above"
    if [ $SECONDS -ge $limit ]; then
      missing=
      for node in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
        [[ " $joined " == *" $(address_of "$node") "* ]] || missing+=" $node"
      done
      refuse "of $SLURM_JOB_NUM_NODES nodes these did not join within ${DNASWEEP_JOIN_S:-180} s:$missing. Leave them out, --exclude, or give them more time, DNASWEEP_JOIN_S"
    fi
    sleep 2
  done
fi
say "all nodes are there: $SLURM_JOB_NUM_NODES"

[ -z "$warned" ] || refuse "the time was up before anything began: ask for more, --time"
began=$SECONDS
become "$@" &
driver=$!
wait "$driver"; code=$?
# A signal that is trapped ends \`wait\`; the command is then still keeping its states.
while kill -0 "$driver" 2>/dev/null; do wait "$driver"; code=$?; done
driver=
say "the command ended with $code"

if [ -n "$warned" ] && [ $code -ne 0 ]; then
  # One of several drivers may have waited for the others.
  [ -e "$DNASWEEP_KEPT" ] || [ -n "${DNASWEEP_SHARE:-}" ] ||
    refuse "nothing new was kept in the $((SECONDS - began)) s that the command had on $SLURM_JOB_NODELIST: another start would come no further. Ask for more --time" $code
  if [ "${SLURM_RESTART_COUNT:-0}" -lt "${DNASWEEP_REQUEUES:-10}" ]; then
    id=$SLURM_JOB_ID
    [ -z "${SLURM_ARRAY_JOB_ID:-}" ] || id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    clean_up
    say "going on in another allocation: scontrol requeue $id"
    scontrol requeue "$id" && sleep 120
    refuse "the job could not be requeued: submit it again, and it goes on from where it is"
  fi
  say "it has run out of time $((${SLURM_RESTART_COUNT:-0} + 1)) times (DNASWEEP_REQUEUES): submit it again, and it goes on; if it came no further, ask for more --time" >&2
fi
exit $code
