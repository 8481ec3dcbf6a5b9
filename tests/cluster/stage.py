"""What a rehearsal stands on: three hosts, a laptop, an S3 endpoint, and a log of its steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from cluster.filled_in import fill_in
from cluster.hosts import Host, Network, open_network
from cluster.machine import HOME, ROOT
from object_store import KEY, SECRET, ObjectStore

CLUSTER = "~/cluster.yaml"
MINUTE = 60.0


class Log:
    """A line and a duration a step."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        begun, end = time.monotonic(), "FAILED"
        try:
            yield
            end = "ok"
        finally:
            now = time.monotonic()
            print(
                f"{now - self._begun:6.0f} s  {now - begun:5.0f} s  {end:<6}  {step}", flush=True
            )


class Stage:
    """The hosts and the laptop from which everything is done, as a reader of docs/how_to/clusters.md does it."""

    def __init__(self, network: Network, store: ObjectStore) -> None:
        self.network, self.store = network, store
        self.head, *self.workers = self.hosts = list(network.hosts)
        self.bucket = store.new_root("").partition("/?")[0]
        self.laptop = network.boot("laptop")
        self._started: list[subprocess.Popen[str]] = []
        self._keep(".ssh/dnasweep", network.key.read_text())
        credentials = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
        self._keep(".aws/credentials", f"[default]\n{credentials}")
        self._keep(".aws/config", "[default]\nregion = us-east-1\n")
        self._keep("cluster.yaml", fill_in(self.bucket, store.endpoint))
        assert yaml.safe_load(self.laptop.path(HOME / "cluster.yaml").read_text())
        for host in self.hosts:
            folder = "install -d -m 700 /opt/dnasweep"
            host.run(f"{folder}; ln -s {sys.prefix} /opt/dnasweep/venv", timeout=MINUTE)

    def _keep(self, file: str, text: str) -> None:
        place = self.laptop.path(HOME / file)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.touch(mode=0o600)
        place.write_text(text)

    def line(self, command: str, *, token: bool = True) -> str:
        """Return a command as it is given on the laptop, in the repository's folder."""
        mode = (
            "export RAY_AUTH_MODE=token"
            if token
            else "export HOME=/nowhere RAY_AUTH_MODE=disabled"
        )
        activate = f". {sys.prefix}/bin/activate; export COLUMNS=150"
        return f"{activate}; export AWS_ENDPOINT_URL={self.store.endpoint}; {mode}; cd {ROOT}; {command}"

    def give(
        self,
        command: str,
        *,
        timeout: float = 10 * MINUTE,
        token: bool = True,
        fails: bool = False,
    ) -> str:
        """Run a command on the laptop and return what it said; with `fails`, it has to fail."""
        done = self.laptop.run(self.line(command, token=token), timeout=timeout, check=False)
        assert (done.returncode != 0) == fails, f"{command} -> {done.returncode}\n{done.stdout}"
        return done.stdout

    def on_head(self, command: str) -> str:
        """Run a command on the head as `ray exec` does."""
        return self.give(f"ray exec {CLUSTER} '{command}'")

    def leave_open(self, command: str) -> None:
        """Start what stays open in a terminal of its own."""
        self._started.append(self.laptop.start(self.line(f"sleep infinity | {command}")))

    def wait_until(self, command: str, *, timeout: float = 10 * MINUTE) -> None:
        """Give a command on the laptop until it succeeds."""
        deadline = time.monotonic() + timeout
        while True:
            done = self.laptop.run(self.line(command), timeout=timeout, check=False)
            if not done.returncode:
                return
            assert time.monotonic() < deadline, f"{command}\n{done.stdout}"
            time.sleep(1)

    def close_terminals(self) -> None:
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=MINUTE)

    def job(self, command: str, *options: str, timeout: float = 15 * MINUTE) -> str:
        """Hand a job in, wait for its end and return its log."""
        where = "--address http://127.0.0.1:8265"
        return self.give(
            f"ray job submit {where} {' '.join(options)} -- {command}", timeout=timeout
        )

    def asked(self, host: Host, question: str) -> str:
        """Run a line of Python on a host, with what the cluster's processes have around them."""
        python = f'python -c "{question}"'
        return host.run(f". /opt/dnasweep/environment; {python}", timeout=5 * MINUTE).stdout


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Boot everything; all is gone after the block."""
    with open_network(3) as network:
        store = ObjectStore(network.listen())
        try:
            yield Stage(network, store)
        finally:
            store.close()
