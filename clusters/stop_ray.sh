#!/usr/bin/env bash
# Stop Ray on the head of a cluster of your own machines, where this runs, and on all other
# machines.
#
#   ray exec clusters/cluster.onprem.yaml /opt/dnasweep/repository/clusters/stop_ray.sh
#
# `ray down` alone stops only the head: the others notice it after a minute, and even then some of
# Ray's processes remain there.
set -euo pipefail

stop='. /opt/dnasweep/environment; ray stop >/dev/null 2>&1'
# The head first: its autoscaler would start the others again.
bash -c "$stop"

hosts=$(
  /opt/dnasweep/venv/bin/python - ~/ray_bootstrap_config.yaml <<'PYTHON'
import os, sys, yaml

with open(sys.argv[1]) as file:
    config = yaml.safe_load(file)
auth = config["auth"]
for host in config["provider"]["worker_ips"]:
    print(auth["ssh_user"], os.path.expanduser(auth["ssh_private_key"]), host)
PYTHON
)

failed=0
while read -r user key host; do
  [ -n "$host" ] || continue
  echo "$host"
  ssh -n -i "$key" -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$user@$host" "bash -c '$stop'" || {
    echo "Ray may still run on $host: end it there with \`ray stop\`" >&2
    failed=1
  }
done <<<"$hosts"
exit "$failed"
