"""Tell Ray when a cloud is about to preempt this machine.

A cloud announces a preemption only to the machine itself, and Ray does not check for it. Run this
on every spot machine, as the cluster files do::

    python -m dnasweep.runtime.cluster.spot aws

It queries the machine's metadata service every few seconds. When a preemption is announced, it
tells Ray to drain the node: training runs on it save their states, and nothing new is started
there.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

import ray

from dnasweep.runtime.ray_private import drain_node

log = logging.getLogger("dnasweep.runtime")

POLL_SECONDS = 5.0
TIMEOUT_SECONDS = 2.0
GCP_SECONDS = 30.0
"""Seconds between Google's notice and the preemption, which the notice does not state."""
AWS, GCP = "http://169.254.169.254", "http://metadata.google.internal"


def ask_aws(base: str = AWS) -> float | None:
    """Return the Unix time at which AWS preempts this machine, or None if none is announced."""
    ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    token = _ask(f"{base}/latest/api/token", ttl, method="PUT")
    found = _ask(
        f"{base}/latest/meta-data/spot/instance-action",
        {"X-aws-ec2-metadata-token": token or ""},
    )
    if found is None:
        return None
    return dt.datetime.fromisoformat(json.loads(found)["time"]).timestamp()


def ask_gcp(base: str = GCP) -> float | None:
    """Return the Unix time at which Google preempts this machine, or None if none is announced."""
    path = "computeMetadata/v1/instance/preempted"
    said = _ask(f"{base}/{path}", {"Metadata-Flavor": "Google"})
    return time.time() + GCP_SECONDS if said == "TRUE" else None


def _ask(url: str, headers: Mapping[str, str], *, method: str = "GET") -> str | None:
    """Return the text at a URL of the service, or None if there is none (HTTP 404)."""
    # No proxy is used, because the service belongs to the machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=dict(headers), method=method)
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return str(answer.read().decode()).strip()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def wait_for_notice(
    ask: Callable[[], float | None], *, poll_seconds: float = POLL_SECONDS
) -> float:
    """Wait until a preemption is announced, and return its Unix time."""
    while True:
        try:
            if (deadline := ask()) is not None:
                return deadline
        except (OSError, ValueError, KeyError) as error:
            log.warning("the metadata service does not answer: %s", error)
        time.sleep(poll_seconds)


def drain_this_node(deadline: float) -> None:
    """Tell Ray to drain the node of this machine, which ends at the Unix time `deadline`."""
    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    try:
        context = ray.get_runtime_context()
        drain_node(
            context.get_node_id(),
            address=context.gcs_address,
            reason="the cloud takes this machine back",
            deadline=deadline,
        )
    finally:
        ray.shutdown()


def main() -> None:
    """Wait for the announcement of a preemption and pass it on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cloud", choices=("aws", "gcp"), help="whose machine this is")
    deadline = wait_for_notice({"aws": ask_aws, "gcp": ask_gcp}[parser.parse_args().cloud])
    log.warning("this machine goes in %.0f s", deadline - time.time())
    drain_this_node(deadline)


if __name__ == "__main__":
    main()
