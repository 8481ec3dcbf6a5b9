"""The cluster files hold no secret, show the token everywhere and open no door to the world."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from cluster_toys import (
    CLOUDS,
    FILES,
    ROOT,
    commands,
    every_cloud,
    every_file,
    load,
    option,
)


@every_cloud
def test_every_process_in_the_container_shows_the_token(name: str) -> None:
    cluster = load(name)
    assert "-e RAY_AUTH_MODE=token" in cluster["docker"]["run_options"]
    # Containers see what `docker run` sets; a variable in one command would miss the others.
    assert not any("RAY_AUTH_MODE" in command for command in commands(cluster))


def test_every_command_on_our_own_machines_shows_the_token() -> None:
    cluster = load(FILES[2])
    environment = "/opt/dnasweep/environment"
    written = next(c for c in cluster["setup_commands"] if c.startswith("printf"))
    assert "export RAY_AUTH_MODE=token" in written
    assert written.endswith(f"> {environment}")
    for command in cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"]:
        assert command.startswith(f". {environment};")
    # `ray exec` and `ray down` come by a login shell.
    assert any(
        environment.removeprefix("/opt/") in c and "~/.bashrc" in c
        for c in cluster["setup_commands"]
    )


@every_file
def test_the_token_is_copied_and_kept_for_its_owner(name: str, tmp_path: Path) -> None:
    cluster = load(name)
    assert cluster["file_mounts"]["~/.ray/"] == "~/.ray/"
    (tmp_path / ".ray").mkdir(mode=0o755)
    token = tmp_path / ".ray" / "auth_token"
    token.write_text("not one of anybody's")
    token.chmod(0o644)
    command = next(c for c in cluster["setup_commands"] if "auth_token" in c)
    subprocess.run(["bash", "-c", command], env={"HOME": str(tmp_path)}, check=True)
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
    # And a machine to which it has not come does not go on without.
    token.unlink()
    done = subprocess.run(
        ["bash", "-c", command], env={"HOME": str(tmp_path)}, stderr=subprocess.DEVNULL
    )
    assert done.returncode != 0


@every_file
def test_nothing_listens_to_the_world(name: str) -> None:
    cluster = load(name)
    start = next(c for c in cluster["head_start_ray_commands"] if "ray start --head" in c)
    assert option(start, "--dashboard-host") == "127.0.0.1"
    # Ray's client server stays at its own address and port, where it asks for the token.
    assert option(start, "--ray-client-server-port") is None
    assert option(start, "--autoscaling-config") == "~/ray_bootstrap_config.yaml"
    assert not any("0.0.0.0" in command for command in commands(cluster))


@every_file
def test_mlflow_is_started_by_the_script_and_keeps_its_artefacts_elsewhere(name: str) -> None:
    cluster = load(name)
    (start,) = [c for c in commands(cluster) if "mlflow" in c]
    assert start in cluster["head_start_ray_commands"]
    script, folder, artifacts, *address = shlex.split(start.split("; ")[-1])
    mount = next(target for target, source in cluster["file_mounts"].items() if source == ".")
    assert script.replace("~", "/home/ray") == f"{mount}/clusters/mlflow_server.sh"
    assert (ROOT / "clusters" / "mlflow_server.sh").stat().st_mode & 0o111
    if name in CLOUDS:
        assert artifacts == "$DNASWEEP_STORAGE/mlflow"
        scheme = {"cluster.yaml": "s3"}.get(name, "gs")
        options = cluster["docker"]["run_options"]
        assert any(re.fullmatch(rf"-e DNASWEEP_STORAGE={scheme}://[\w./-]+", o) for o in options)
    else:
        # The records never lie on NFS, where SQLite's locks do not hold.
        assert not folder.startswith("/mnt/")
        assert artifacts.startswith("/mnt/")
        # Where a machine has a public address too, nobody but its owner can tell which one is meant.
        assert address == [cluster["provider"]["head_ip"]]


def test_the_mlflow_script_opens_two_doors_to_the_names_it_is_called_by() -> None:
    script = (ROOT / "clusters" / "mlflow_server.sh").read_text()
    assert "0.0.0.0" not in script
    assert set(re.findall(r'^(?:\[.*\|\| )?open_door (\S+) "(.*)"$', script, re.M)) == {
        ("127.0.0.1", "127.0.0.1:$port,localhost:$port"),
        ('"$address"', "$address:$port"),
    }
    assert "--disable-security-middleware" not in script


@pytest.mark.parametrize(
    "name", [*FILES, "clusters/aws-account.yaml", "clusters/mlflow_server.sh"]
)
def test_no_secret_stands_in_a_file(name: str) -> None:
    text = (ROOT / name).read_text()
    for what, pattern in SECRETS.items():
        assert not re.search(pattern, text), what


SECRETS = {
    "a private key": r"-----BEGIN",
    "an AWS key id": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "an AWS secret or any long token": r"(?<![\w/.-])(?=[\w+]*\d)(?=[\w+]*[a-z])[\w+]{32,}(?![\w/.-])",
    "a Google key": r"\bAIza[\w-]{30,}|\"private_key\"|gcp_credentials",
    "credentials in the provider": r"aws_credentials|aws_secret_access_key|aws_access_key_id",
    "a Ray token": r"RAY_AUTH_TOKEN\b|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}|[0-9a-f]{32,}",
    "a password": r"://[^\s/@:]+:(?!PASSWORD@)[^\s/@]+@|(?i:password)\s*[=:]\s*\S",
}


@pytest.mark.parametrize(
    "line",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "key: AKIAIOSFODNN7EXAMPLE",
        "s: wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "aws_credentials: {}",
        "-e RAY_AUTH_TOKEN=x",
        "token: 3f0e9b1c-7d52-4c1e-9a55-0c0ffee00000",
        "uri: postgresql://mlflow:hunter2@db/mlflow",
        "password: hunter2",
    ],
)
def test_a_secret_would_be_seen(line: str) -> None:
    assert any(re.search(pattern, line) for pattern in SECRETS.values())
