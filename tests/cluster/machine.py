"""A host: a shell that adopts, in namespaces of its own, with folders of its own and an sshd."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(pwd.getpwuid(0).pw_dir)
PRIVATE = (HOME, Path("/tmp"), Path("/opt"))
# What stays visible wherever it lies, beside what is in no private folder.
SHARED = tuple(Path(path).resolve() for path in (ROOT, sys.prefix, sys.base_prefix))
PATIENCE = 60.0
# With the thread that asked for it, a process goes too; and with a host's first process its others.
BOUND = ("setpriv", "--pdeathsig", "KILL", "unshare", "--net")
NAMESPACES = "--mount --pid --uts --ipc --fork --kill-child --mount-proc"

# The first process of a host. It adopts and buries those whose parents have died, as bash does.
INIT = """
set -e
umask 022
while read -r kind from to; do
  mount "--$kind" "$from" "$to"
done < "$DISK/mounts"
mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/sshd
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
for file in shadow hosts resolv.conf; do
  [ ! -e "/etc/$file" ] || mount --bind "$DISK/etc/$file" "/etc/$file"
done
hostname "$NAME"
until [ -e "$DISK/plugged-in" ]; do sleep 0.05; done
"$SSHD" -D -e -f /dev/null -h "$DISK/etc/host_key" -o ListenAddress="$ADDRESS" \
  -o AuthorizedKeysFile="$DISK/etc/authorized_keys" -o StrictModes=no -o UsePAM=no -o UseDNS=no \
  -o PasswordAuthentication=no -o PidFile=none -o MaxStartups=200 -o MaxSessions=200 &
wait $!
"""


def find(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def do(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr}"
    return done.stdout


def format_disk(disk: Path, name: str, key: Path) -> None:
    """Lay out what a new host has on its disk."""
    mounts = []
    for number, folder in enumerate(PRIVATE):
        private = disk / "private" / str(number)
        private.mkdir(parents=True)
        private.chmod(0o1777 if folder == Path("/tmp") else 0o700)
        for shared in SHARED:
            if shared.is_relative_to(folder):
                place = private / shared.relative_to(folder)
                place.mkdir(parents=True, exist_ok=True)
                mounts.append(f"bind {shared} {place}")
        mounts.append(f"rbind {private} {folder}")
    (disk / "mounts").write_text("".join(f"{line}\n" for line in mounts))
    for file in Path("/etc/skel").iterdir():
        shutil.copy(file, disk / "private" / "0" / file.name)
    (etc := disk / "etc").mkdir()
    do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(etc / "host_key"))
    shutil.copy(key.with_suffix(".pub"), etc / "authorized_keys")
    (etc / "shadow").touch(mode=0o600)
    (etc / "shadow").write_text("root:*:20000:0:99999:7:::\n")
    # As Debian does it: a host's own name is a loopback address.
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    (etc / "resolv.conf").touch()


class Host:
    """One of the hosts; `Network.boot` makes them.

    `name` and `address` are its own. `disk` is where its private folders lie, seen from outside:
    `path` translates.
    """

    def __init__(self, name: str, address: str, disk: Path, switch: Callable[..., str]) -> None:
        self.name, self.address, self.disk = name, address, disk
        self._switch = switch
        self._unshare = subprocess.Popen(
            [*BOUND, *NAMESPACES.split(), "bash", "-c", INIT],
            env={
                "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
                "DISK": str(disk),
                "NAME": name,
                "ADDRESS": address,
                "SSHD": str(find("sshd")),
            },
            stdin=subprocess.DEVNULL,
            stdout=(log := (disk / "host.log").open("ab")),
            stderr=log,
            start_new_session=True,
        )
        log.close()
        # The process that is number 1 inside.
        self.init = int(self.wait_until(self._find_init, "start"))

    def _find_init(self) -> str:
        pid = self._unshare.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return ""
        return children[0] if children else ""

    def wait_until(self, look: Callable[[], str | bool], what: str) -> str | bool:
        deadline = time.monotonic() + PATIENCE
        while not (found := look()):
            said = (self.disk / "host.log").read_text()
            assert self._unshare.poll() is None, f"{self.name} did not {what}:\n{said}"
            assert time.monotonic() < deadline, f"{self.name} does not {what}:\n{said}"
            time.sleep(0.02)
        return found

    @property
    def alive(self) -> bool:
        return self._unshare.poll() is None

    def path(self, inside: str | Path) -> Path:
        """Return where a file in one of this host's private folders lies, seen from outside."""
        for number, folder in enumerate(PRIVATE):
            if Path(inside).is_relative_to(folder):
                return self.disk / "private" / str(number) / Path(inside).relative_to(folder)
        raise ValueError(f"{inside} is in no private folder of a host")

    def command(self, command: str, env: Mapping[str, str] | None = None) -> list[str]:
        """Return what runs a line of bash as on this host, in its home, in a login shell."""
        assert self.alive, f"{self.name} is down"
        set_up = [f"{name}={value}" for name, value in (env or {}).items()]
        inside = ["nsenter", f"--target={self.init}", *"--net --mount --pid --uts --ipc".split()]
        start = ["env", "-i", f"HOME={HOME}", "USER=root", "LANG=C.UTF-8", *set_up]
        return [*inside, *start, "bash", "--login", "-c", f"cd; {command}"]

    def start(
        self, command: str, *, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a line of bash; both its outputs are in the pipe `stdout`.

        It leads a process group: `os.killpg(process.pid, ...)` ends it, `process.kill()` only what
        waits for it here.
        """
        return subprocess.Popen(
            self.command(command, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(
        self,
        command: str,
        *,
        timeout: float,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a line of bash to its end; `stdout` has both its outputs.

        Raises
        ------
        AssertionError
            If it fails, and `check`.
        subprocess.TimeoutExpired
            If it takes longer than `timeout` seconds; it is killed.
        """
        process = self.start(command, env=env)
        try:
            said, _ = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        done = subprocess.CompletedProcess(command, process.returncode, said)
        assert not check or done.returncode == 0, f"{self.name}: {command}\n{done.stdout}"
        return done

    def processes(self) -> list[str]:
        """Return what runs on this host beside its sshd, a command line each."""
        own = "ps -eo pid=,args="
        lines = [
            line.split(maxsplit=1) for line in self.run(own, timeout=PATIENCE).stdout.splitlines()
        ]
        return [
            args for pid, args in lines if pid != "1" and "sshd" not in args and own not in args
        ]

    def kill(self) -> None:
        """End the host at once, as a cut of the power does; its disk stays."""
        os.kill(self.init, signal.SIGKILL)
        self._unshare.wait(timeout=PATIENCE)
        # It goes with the host, some time.
        self._switch("sh", "-c", f"ip link delete {self.name} 2>/dev/null || true")

    def link(self, *, up: bool) -> None:
        """Plug the host's cable in or out: out, it neither reaches nor hears anything but itself."""
        self._switch("ip", "link", "set", self.name, "up" if up else "down")
