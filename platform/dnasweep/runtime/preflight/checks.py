"""The checks of the preflight: each summarises the reports of the nodes in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

from dnasweep.runtime.cluster.placement import Resources, find_room
from dnasweep.runtime.preflight.health_check import ClusterHealth
from dnasweep.tracking.client import ServerAnswer, is_loopback, is_server, without_password

MIN_FREE = 1 << 30
"""Free bytes below which a disk fails the check."""
ENOUGH_FREE = 5 << 30
"""Free bytes below which a disk gets a warning."""
RAY_SPILLS_BELOW = 0.95
"""Fraction of a full disk above which Ray writes no objects to it."""
CLOCKS_WARN_S = 2.0
"""Difference between clocks in seconds above which times in the records mislead."""
CLOCKS_FAIL_S = 300.0
"""Maximum difference between clocks in seconds; Kerberos refuses requests that are off by 5
minutes, object stores those that are off by 15."""
_MAX_SHOWN = 4
_GIB = 1 << 30

Level = Literal["pass", "warn", "fail"]


class Check(NamedTuple):
    """One line of the preflight."""

    name: str
    """What is checked, in one word."""
    level: Level
    """The result."""
    message: str
    """What was found."""
    remedy: str = ""
    """How to fix it; empty if there is nothing to fix."""


def run_checks(health: ClusterHealth) -> list[Check]:
    """Return all checks, in the order in which a person would fix them.

    If no node has answered, only checks that need no reports are returned.
    """
    if not health.reports:
        return [check_nodes(health), check_request(health)]
    checks: Sequence[Callable[[ClusterHealth], Check]] = (
        check_nodes,
        check_versions,
        check_storage,
        check_disks,
        check_mlflow,
        check_clocks,
        check_tokens,
        check_request,
    )
    return [check(health) for check in checks]


def check_nodes(health: ClusterHealth) -> Check:
    """Every living node answers."""
    if health.silent:
        return Check(
            "nodes",
            "fail",
            _each(f"{name} {why}" for name, why in health.silent.items()),
            "Look at `ray status` and at Ray's logs there, or take the node out of the cluster.",
        )
    number = len(health.reports)
    text = f"{number} node{'s' * (number != 1)} answered within {health.seconds:.1f} s"
    if health.left:
        gone = f"{text}; {_each(health.left)} left the cluster meanwhile"
        return Check("nodes", "warn", gone, "Look at why the machine went; work goes on without.")
    return Check("nodes", "pass", text)


def check_versions(health: ClusterHealth) -> Check:
    """Python's minor version, the libraries and dnasweep's source match this process."""
    here, wrong = health.here, []
    for node in health.reports:
        if _minor(node.python) != _minor(here.python):
            wrong.append(f"{node.name} has Python {node.python}, here it is {here.python}")
        other = [name for name in here.versions if node.versions.get(name) != here.versions[name]]
        wrong += [
            f"{node.name} has {name} {node.versions.get(name, 'none')}, "
            f"here it is {here.versions[name]}"
            for name in other
        ]
        if node.code != here.code and "dnasweep" not in other:
            wrong.append(f"{node.name} has other source of dnasweep {here.versions['dnasweep']}")
    if wrong:
        return Check(
            "versions",
            "fail",
            _each(wrong),
            "Give every node the same environment: one in a folder that all share, one image, or what "
            "`pip freeze` lists here. Restart Ray there, and give this command in it too.",
        )
    known = ", ".join(f"{name} {version}" for name, version in here.versions.items())
    return Check("versions", "pass", f"Python {_minor(here.python)}, {known} everywhere")


def check_storage(health: ClusterHealth) -> Check:
    """Every node can write to the storage, and another node can read what it wrote."""
    reports = (health.here, *health.reports)
    where = without_password(health.storage)
    if mute := [node for node in reports if node.storage_fault]:
        return Check(
            "storage",
            "fail",
            f"{where} cannot be written: "
            + _each(f"{node.name}: {node.storage_fault}" for node in mute),
            "Mount it writable and with free space there, grant the node's role the right to "
            "write, or give another --storage.",
        )
    if unread := [reading for reading in health.readings if reading.fault]:
        return Check(
            "storage",
            "fail",
            f"{where} is not the same place everywhere: "
            + _each(f"{r.reader} cannot read what {r.writer} wrote ({r.fault})" for r in unread),
            "Give a --storage that all nodes share: a bucket (s3://...) or a shared file system.",
        )
    number = len(health.reports)
    who = f"all {number} nodes write and read" if number > 1 else "written and read"
    return Check("storage", "pass", f"{where}: {who}")


def check_disks(health: ClusterHealth) -> Check:
    """There is disk space for temporary files, Ray and the storage."""
    disks = [(disk, node.name) for node in health.reports for disk in node.disks]
    if not disks:
        return Check("disk", "warn", "no node could tell how much is free")
    (least, name) = min(disks, key=lambda pair: pair[0].free)
    text = f"{least.free / _GIB:.1f} GiB free for {least.use} at {least.path} on {name}"
    remedy = "Free space there, or point TMPDIR, `ray start --temp-dir` or --storage elsewhere."
    if least.free < MIN_FREE:
        return Check("disk", "fail", text, remedy)
    if least.free < ENOUGH_FREE:
        return Check("disk", "warn", text, remedy)
    full = [
        f"the disk of {disk.path} on {name} is {1 - disk.free / disk.total:.0%} full, and above "
        f"{RAY_SPILLS_BELOW:.0%} Ray writes no objects to it"
        for disk, name in disks
        if disk.use == "Ray" and 1 - disk.free / disk.total > RAY_SPILLS_BELOW
    ]
    if full:
        return Check("disk", "warn", _each(full), remedy)
    return Check("disk", "pass", f"at least {text}")


def check_mlflow(health: ClusterHealth) -> Check:
    """The store answers this process; a server also answers every node, by this host name."""
    if health.uri is None:
        return Check("mlflow", "pass", "not needed for this")
    where = without_password(health.uri)
    if health.mlflow_fault:
        return Check("mlflow", "fail", health.mlflow_fault, health.mlflow_remedy)
    if not is_server(health.uri):
        return Check("mlflow", "pass", f"{where}: this process opens it, and nobody else has to")
    answers = [
        (node.name, ServerAnswer(node.mlflow_status, node.mlflow_text)) for node in health.reports
    ]
    if refused := [name for name, answer in answers if answer.refused_host]:
        return Check(
            "mlflow",
            "fail",
            f"{where} refuses the Host header of {_each(refused)}",
            "Start the server with --allowed-hosts naming this host and port, or call it by its "
            "private address.",
        )
    away = [(name, answer) for name, answer in answers if not answer.reached]
    if not away:
        number = len(answers)
        who = f"all {number} nodes" if number > 1 else "this machine"
        return Check("mlflow", "pass", f"{where} answers {who} by this name")
    if is_loopback(health.uri):
        return Check(
            "mlflow",
            "warn",
            f"{where} answers on this machine alone, not on {_each(name for name, _ in away)}",
            "Enough while sweeps are started on this machine; else let the server listen on its "
            "private address and name that.",
        )
    return Check(
        "mlflow",
        "fail",
        f"{where} does not answer on {_each(f'{name} ({answer})' for name, answer in away)}",
        "Let the server listen on an address that all nodes reach, and open its port to them.",
    )


def check_clocks(health: ClusterHealth) -> Check:
    """Clocks agree, as far as the round trip of a request can tell."""
    clocks = [("this machine", 0.0, 0.0)]
    clocks += [(r.reader, r.offset_s, r.within_s) for r in health.readings if r.within_s > 0]
    worst, least, most = "", 0.0, 0.0
    for (one, a, near_a), (other, b, near_b) in combinations(clocks, 2):
        apart, near = abs(a - b), near_a + near_b
        most = max(most, apart + near)
        if apart - near > least:
            worst, least = f"{one} and {other}", apart - near
    if least <= CLOCKS_WARN_S:
        return Check("clocks", "pass", f"they agree within {_duration(most)}")
    return Check(
        "clocks",
        "fail" if least > CLOCKS_FAIL_S else "warn",
        f"those of {worst} are at least {_duration(least)} apart",
        "Turn on time synchronisation there (chrony or systemd-timesyncd).",
    )


def check_tokens(health: ClusterHealth) -> Check:
    """Ray asks for a token, and only its owner can read it."""
    modes = {node.auth_mode or "not set" for node in health.reports}
    several = len(health.nodes) > 1
    if modes != {"token"}:
        off = [node.name for node in health.reports if node.auth_mode != "token"]
        return Check(
            "tokens",
            "warn",
            f"RAY_AUTH_MODE is not `token` on {_each(off)}: who reaches Ray's ports may run code",
            "Make a token (`ray get-auth-token --generate`), copy it to every node, and start Ray "
            "with RAY_AUTH_MODE=token.",
        )
    inline = [node.name for node in health.reports if node.token_in_environment]
    without = [
        f"{node.name} has no {node.token_file}"
        for node in health.reports
        if node.token_permissions is None and not node.token_in_environment
    ]
    if without:
        return Check("tokens", "fail", _each(without), "Copy the token there, with mode 600.")
    open_to_others = [
        f"{node.token_file} on {node.name} has mode {node.token_permissions:o}"
        for node in health.reports
        if node.token_permissions is not None and node.token_permissions & 0o077
    ]
    if open_to_others:
        return Check(
            "tokens",
            "fail" if several else "warn",
            _each(open_to_others) + ": other users of the machine can read the token",
            f"chmod 600 {health.reports[0].token_file}",
        )
    if inline:
        return Check(
            "tokens",
            "warn",
            f"RAY_AUTH_TOKEN holds the token itself on {_each(inline)}, for every process to see",
            "Keep it in a file with mode 600 and name that in RAY_AUTH_TOKEN_PATH.",
        )
    return Check("tokens", "pass", "Ray asks for one, and only its owner can read it")


def check_request(health: ClusterHealth) -> Check:
    """The processes needed at the same time fit on the nodes, or on those it may get."""
    demand, asked = health.demand, str(health.demand)
    now, but = find_room(demand, health.nodes), ""
    if now.fits:
        return Check("request", "pass", f"{asked}: {now.text}")
    if health.groups:
        most = Resources(health.nodes, health.groups).grown(at_most=demand.workers + 1)
        later = find_room(demand, most.each)
        if later.fits:
            return Check(
                "request",
                "pass",
                f"{asked}: {later.text} once the autoscaler has started machines; now {now.text}",
            )
        now, but = later, ", even with all the autoscaler may start"
    return Check(
        "request",
        "fail",
        f"{asked} can never run{but}: {now.text}",
        "Ask for fewer workers, or fewer CPUs or GPUs of each (--help names the options), or use "
        "larger nodes.",
    )


def _each(texts: Iterable[str]) -> str:
    shown = list(texts)
    more = f", and {len(shown) - _MAX_SHOWN} more" if len(shown) > _MAX_SHOWN else ""
    return ", ".join(shown[:_MAX_SHOWN]) + more


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"
