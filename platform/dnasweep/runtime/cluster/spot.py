"""Pass a cloud's notice that it takes this machine back on to Ray.

Clouds tell nobody but the machine itself, and Ray does not ask. Run on every spot machine, as the
cluster files do::

    python -m dnasweep.runtime.cluster.spot aws

it asks the machine's metadata service every few seconds, and at a notice has Ray drain the node: what
trains there keeps its state, and nothing new is started there.
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

log = logging.getLogger("dnasweep.runtime")

POLL_SECONDS = 5.0
RETRY_SECONDS = 2.0
GCP_SECONDS = 30.0
"""What Google gives a machine from its notice on; it names no time."""
AWS, GCP = "http://169.254.169.254", "http://metadata.google.internal"


def ask_aws(base: str = AWS) -> float | None:
    """Return the Unix time at which AWS takes this machine back, or None while it does not."""
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
    """Return the Unix time at which Google takes this machine back, or None while it does not."""
    path = "computeMetadata/v1/instance/preempted"
    said = _ask(f"{base}/{path}", {"Metadata-Flavor": "Google"})
    return time.time() + GCP_SECONDS if said == "TRUE" else None


def _ask(url: str, headers: Mapping[str, str], *, method: str = "GET") -> str | None:
    """Return what the service says, or None where it has no such thing."""
    # By no proxy: the service is the machine's own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=dict(headers), method=method)
    try:
        with opener.open(request, timeout=RETRY_SECONDS) as answer:
            return str(answer.read().decode()).strip()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def wait_for_notice(
    ask: Callable[[], float | None], *, poll_seconds: float = POLL_SECONDS
) -> float:
    """Return the Unix time at which this machine goes, once it is known."""
    while True:
        try:
            if (deadline := ask()) is not None:
                return deadline
        except (OSError, ValueError, KeyError) as error:
            log.warning("the metadata service does not answer: %s", error)
        time.sleep(poll_seconds)


def drain_this_node(deadline: float) -> None:
    """Have Ray drain the node of this machine.

    Parameters
    ----------
    deadline
        Unix time at which it goes.

    Raises
    ------
    RuntimeError
        When Ray refuses, which it does not for machines that are taken back.
    """
    # There is no public way; the command `ray drain-node`, hidden as it is, does the same.
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.core.generated.autoscaler_pb2 import (  # type: ignore[attr-defined]
        DrainNodeReason,
    )

    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    try:
        context = ray.get_runtime_context()
        accepted, why = GcsClient(address=context.gcs_address).drain_node(
            context.get_node_id(),
            DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
            "the cloud takes this machine back",
            int(deadline * 1000),
        )
    finally:
        ray.shutdown()
    if not accepted:
        raise RuntimeError(why)


def main() -> None:
    """Wait for the notice and pass it on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cloud", choices=("aws", "gcp"), help="whose machine this is")
    deadline = wait_for_notice({"aws": ask_aws, "gcp": ask_gcp}[parser.parse_args().cloud])
    log.warning("this machine goes in %.0f s", deadline - time.time())
    drain_this_node(deadline)


if __name__ == "__main__":
    main()
