"""Look at a set-up before anything is started on it: is every node ready for a sweep?

Checks from every node of a cluster, or on this machine alone, a line each: that nodes answer, that
they have the same versions and source, that they write and read the storage, free disk, that the
MLflow server answers them by its name, clocks, Ray's token, and whether the workers asked for can
ever run. Sweeps and jobs do the same when they join a cluster of several nodes. Exit code 0: all
right, 1: a check fails, 2: the options cannot be used.

    dnasweep doctor
    dnasweep doctor --address auto --storage s3://bucket/runs --tracking-uri http://10.0.0.4:5000
    dnasweep doctor --address auto --storage /mnt/shared/runs --workers-per-trial 4 --json doctor.json
"""

from rich.console import Console

from dnasweep.runtime.preflight.options import DoctorOptions


def main(options: DoctorOptions, console: Console) -> int:
    from dnasweep.runtime.preflight.preflight import run_doctor

    return run_doctor(options, console)
