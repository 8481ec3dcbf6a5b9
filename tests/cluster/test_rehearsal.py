"""A cluster from nothing to results and away again, on three hosts: `make rehearsal`.

The commands are those of docs/how_to/clusters.md; where they name AWS, those of `clusters/cluster.onprem.yaml`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from cluster.filled_in import CPUS, HEAD, REPOSITORY, STOP_MLFLOW, STOP_RAY
from cluster.hosts import Host, reason_to_skip
from cluster.machine import HOME, find
from cluster.stage import CLUSTER, Log, Stage, open_stage
from toy_data import write_toy_table

REASON = reason_to_skip() or (None if find("rsync") else "rsync not found: `ray up` copies by it")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(REASON is not None, reason=str(REASON))]

MLFLOW, TUNNEL = f"http://{HEAD}:5000", "http://127.0.0.1:5000"
TOY = "/opt/dnasweep/toy.csv"
SPREAD = f"--workers-per-trial 2 --cpus-per-worker {CPUS}"
"""Two workers of which each takes a whole host."""
SWEEP = (
    f"python {REPOSITORY}/sweeps/tokenizer_grid.py --data {TOY} --split random --tokenizers kmer-3"
    " --species-sets none all --learning-rates 1e-2 --seeds 0 --preset 2x64x2 --evaluations 2"
    f" --pretrain-epochs 1 --finetune-epochs 2 {SPREAD} --tracking-uri {TUNNEL}"
)
LOOK = """
import json
from dnasweep.storage import Storage
from mlflow import MlflowClient
client, runs = MlflowClient("TUNNEL"), []
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id]):
        info, data = run.info, run.data
        runs.append({"experiment": experiment.name, "id": info.run_id, "status": info.status,
                     "tags": data.tags, "metrics": data.metrics})
files = list(Storage("BUCKET/runs").bucket.files())
print("\\n" + json.dumps({"runs": runs, "files": files}))
"""


@pytest.mark.timeout(60 * 60)
def test_from_nothing_to_results_and_away_again(capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        print(flush=True)
        log = Log()
        with open_stage() as stage:
            try:
                smoke_test(stage, log)
            finally:
                stage.close_terminals()


def smoke_test(stage: Stage, log: Log) -> None:
    runs = f"--storage {stage.bucket}/runs"
    with log("a token, and `ray up` of clusters/cluster.onprem.yaml"):
        stage.give(
            "mkdir -p ~/.ray; chmod 700 ~/.ray; "
            "ray get-auth-token --generate > /dev/null; chmod 600 ~/.ray/auth_token"
        )
        stage.give(f"ray up -y {CLUSTER}", timeout=1200)
    with log("all three hosts are in the cluster"):
        wait_for_hosts(stage, 3)
    with log("data go to the head, and it plans a sweep of them"):
        write_toy_table(stage.laptop.path(HOME / "toy.csv"), rows=160)
        stage.give(f"ray rsync-up {CLUSTER} ~/toy.csv {TOY}")
        assert "2 trials" in stage.on_head(f"cd /; {SWEEP} {runs} --dry-run")
    with log("the dashboard and MLflow are reached from the laptop, and from nowhere else"):
        open_terminals(stage)
    with log(
        "who has no token is refused by jobs and by Ray, who calls MLflow otherwise by MLflow"
    ):
        refuse_strangers(stage)
    with log("jobs/doctor.py: every host is ready"):
        doctor = f"python {REPOSITORY}/jobs/doctor.py {runs} --tracking-uri {MLFLOW} {SPREAD}"
        said = stage.job(doctor)
        assert "3 nodes" in said
        assert "ready" in said
        assert " fail" not in said
    with log("sweeps/tokenizer_grid.py as a job, each training by two workers on two hosts"):
        with watching(stage, "RayTrainWorker") as seen:
            said = stage.job(f"{SWEEP} {runs}")
        assert stage.workers[0].name in seen
        assert stage.workers[1].name in seen
        assert stage.head.name not in seen
    with log("its records are in MLflow and its results in the bucket, once each"):
        trial = check_sweep(look(stage))
    with log("jobs/shap_batch.py as a job whose driver is on another host than MLflow"):
        explain_elsewhere(stage, trial, runs)
    with log("no host's logs, and nothing in the bucket, has the token or the bucket's key"):
        find_no_secret(stage)
    with log("the records are fetched; MLflow and Ray end"):
        stage.give(f"ray rsync-down {CLUSTER} /opt/dnasweep/mlflow/ ~/mlflow/")
        assert stage.laptop.path(HOME / "mlflow" / "runs.db").stat().st_size > 0
        stage.close_terminals()
        stage.on_head(STOP_MLFLOW)
        stage.on_head(STOP_RAY)
        stage.give(f"ray down -y {CLUSTER}")
    with log("no process is left on any host"):
        wait_for_silence(stage)


def wait_for_hosts(stage: Stage, number: int) -> None:
    """Wait until so many hosts are alive in the cluster."""
    question = (
        "import ray, time; ray.init(address='auto', logging_level='ERROR', log_to_driver=False)\n"
        f"while sum(node['Alive'] for node in ray.nodes()) < {number}: time.sleep(0.5)\n"
        "print(sorted(node['NodeManagerAddress'] for node in ray.nodes()))"
    )
    said = stage.asked(stage.head, question)
    assert all(host.address in said for host in stage.hosts)


def wait_for_silence(stage: Stage) -> None:
    """Wait a little for the last process of every host, such as a connection kept for reuse."""
    deadline = time.monotonic() + 60
    while any((left := {host.name: host.processes() for host in stage.hosts}).values()):
        assert time.monotonic() < deadline, left
        time.sleep(1)


def open_terminals(stage: Stage) -> None:
    stage.leave_open(f"ray dashboard {CLUSTER}")
    stage.leave_open(f"ray attach {CLUSTER} -p 5000")
    stage.wait_until("ray job list --address http://127.0.0.1:8265")
    stage.wait_until(f"python -c \"import urllib.request as r; r.urlopen('{TUNNEL}/health')\"")
    assert not answers(stage.workers[0], HEAD, 8265)
    assert answers(stage.workers[0], HEAD, 5000)


def answers(host: Host, address: str, port: int) -> bool:
    look = f"timeout 10 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"
    return host.run(look, timeout=60, check=False).returncode == 0


def refuse_strangers(stage: Stage) -> None:
    said = stage.give("ray job list --address http://127.0.0.1:8265", token=False, fails=True)
    assert "oken" in said or "nauthorized" in said, said
    join = "import ray; ray.init(address='{}'); print('let in')"
    said = stage.give(
        f'RAY_gcs_rpc_server_reconnect_timeout_s=5 python -c "{join.format(f"{HEAD}:6379")}"',
        token=False,
        fails=True,
    )
    assert "let in" not in said
    assert "oken" in said or "uthenti" in said, said
    # Ray's client server, which every head opens, and which is silent to who has no token.
    assert answers(stage.laptop, HEAD, 10001)
    ask_client = f'python -c "{join.format(f"ray://{HEAD}:10001")}"'
    assert "let in" not in stage.give(ask_client, token=False, fails=True)
    question = (
        "import http.client as h\n"
        "for host in ('{own}', '127.0.0.1:5000', 'attacker.example', 'attacker.example:5000'):\n"
        "    c = h.HTTPConnection('{head}', 5000, timeout=60)\n"
        "    c.request('GET', '/api/2.0/mlflow/experiments/search?max_results=1',"
        " headers=dict(Host=host))\n"
        "    print(c.getresponse().status)"
    ).format(own=f"{HEAD}:5000", head=HEAD)
    assert stage.asked(stage.workers[0], question).split() == ["200", "403", "403", "403"]


@contextmanager
def watching(stage: Stage, title: str) -> Iterator[set[str]]:
    """Collect the names of the hosts where a process of that title runs during the block."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            seen.update(h.name for h in stage.hosts if any(title in p for p in h.processes()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def look(stage: Stage) -> dict:
    """Return the runs in MLflow and the files in the bucket, seen from the laptop."""
    script = stage.laptop.path("/tmp/look.py")
    script.write_text(LOOK.replace("TUNNEL", TUNNEL).replace("BUCKET", stage.bucket))
    return json.loads(stage.give("python /tmp/look.py").splitlines()[-1])


def check_sweep(found: Mapping) -> str:
    """Check what a sweep leaves, and return the run of a trial."""
    runs = [run for run in found["runs"] if run["experiment"] == "tokenizer-grid"]
    assert {run["status"] for run in runs} == {"FINISHED"}
    stages = sorted(run["tags"]["stage"] for run in runs)
    assert stages.count("sweep") == 1, stages
    trials = [run for run in runs if run["tags"]["stage"] == "trial"]
    assert len({run["tags"]["trial_key"] for run in trials}) == len(trials) == 2
    assert all("validation/mcc" in run["metrics"] for run in trials)
    files = found["files"]
    for kind, number in (("encoders", 1), ("trials", 2)):
        whole = [f for f in files if f.startswith(f"{kind}/") and f.endswith("/manifest.json")]
        assert len(whole) == number, whole
    assert any(file.endswith("comparison.html") for file in files)
    return trials[0]["id"]


def explain_elsewhere(stage: Stage, trial: str, runs: str) -> None:
    """Run the batch job with its driver on a worker, to which its data go with the job."""
    folder = stage.laptop.path(HOME / "job")
    folder.mkdir()
    write_toy_table(folder / "few.csv", rows=12)
    said = stage.job(
        f"python {REPOSITORY}/jobs/shap_batch.py --model {trial} --data few.csv {runs}"
        f" --max-evals 40 --shard-size 4 --num-actors 2 --tracking-uri {MLFLOW}",
        "--entrypoint-num-cpus 1 --working-dir ~/job",
    )
    assert "12" in said
    records = stage.head.path("/opt/dnasweep/mlflow/mlflow.log").read_text()
    posted = {
        host.name
        for host in stage.hosts
        for line in records.splitlines()
        if f" {host.address}:" in line and '"POST /api/2.0/mlflow/runs/' in line
    }
    assert posted & {host.name for host in stage.workers}, "no record came from another host"
    found = look(stage)
    tables = [f for f in found["files"] if f.startswith("attributions/") and ".parquet" in f]
    assert len(tables) >= 3, found["files"]
    assert {run["status"] for run in found["runs"]} == {"FINISHED"}


def find_no_secret(stage: Stage) -> None:
    token = stage.laptop.path(HOME / ".ray" / "auth_token").read_text().strip()
    for secret in (token, "testing-secret"):
        for host in stage.hosts:
            places = "/tmp/ray /opt/dnasweep/mlflow /opt/dnasweep/environment"
            look = f"grep -rlF {secret} $(ls -d {places} 2>/dev/null)"
            assert host.run(look, timeout=300, check=False).stdout == ""
