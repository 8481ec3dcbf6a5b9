"""`clusters/cluster.onprem.yaml` with what its reader is told to change, for hosts of `hosts.py`."""

from __future__ import annotations

from cluster.machine import ROOT

FILE = ROOT / "clusters" / "cluster.onprem.yaml"
HEAD, WORKERS = "10.0.0.10", ("10.0.0.11", "10.0.0.12")
CPUS = 2
"""What a worker offers; each of the hosts has all of this machine."""
PATIENCE = "'export RAY_raylet_start_wait_time_s=300 RAY_agent_register_timeout_ms=300000'"
"""One machine plays all of them, and may have other things to do."""
REPOSITORY = "/opt/dnasweep/repository"
STOP_RAY = f"{REPOSITORY}/clusters/stop_ray.sh"
STOP_MLFLOW = f"{REPOSITORY}/clusters/mlflow_server.sh --stop /opt/dnasweep/mlflow"


def fill_in(bucket: str, endpoint: str) -> str:
    """Return the file for three hosts that share no folder, with their results in a bucket.

    Everything is as in the file but what it says to change, and that nothing is installed: the
    hosts share the Python of the tests, and the package is the copy that `ray up` brings.

    Parameters
    ----------
    bucket
        Such as `s3://bucket`.
    endpoint
        Where its store answers, by http.
    """
    text = FILE.read_text()
    assert f"head_ip: {HEAD}" in text
    assert f"worker_ips: [{', '.join(WORKERS)}]" in text
    for old, new in (
        ("  ssh_user: dnasweep\n", "  ssh_user: root\n"),
        ("  ~/.ray/: ~/.ray/\n", "  ~/.ray/: ~/.ray/\n  ~/.aws/: ~/.aws/\n"),
        (_line_with(text, "- test -w /mnt/dnasweep"), ""),
        ("/opt/dnasweep/mlflow /mnt/dnasweep/mlflow\n", f"/opt/dnasweep/mlflow {bucket}/mlflow\n"),
        (
            "'export RAY_AUTH_MODE=token'\n",
            f"'export RAY_AUTH_MODE=token' 'export AWS_ENDPOINT_URL={endpoint}'\n"
            f"    'export PYTHONPATH={REPOSITORY}/platform' {PATIENCE}\n",
        ),
        (_line_with(text, 'pip install -q -c constraints.txt "$(grep'), "    true\n"),
        (_line_with(text, "pip install -q -c constraints.txt -e '.[onprem]'"), "    true\n"),
        ("ray start --address=", f"ray start --num-cpus={CPUS} --address="),
    ):
        assert text.count(old) == 1, f"{FILE.name} no longer has just one {old!r}"
        text = text.replace(old, new)
    return text


def _line_with(text: str, part: str) -> str:
    (line,) = [
        line
        for line in text.splitlines(keepends=True)
        if part in line and not line.lstrip().startswith("#")
    ]
    return line
