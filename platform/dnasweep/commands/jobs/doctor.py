"""Check whether every node of a set-up is ready for a sweep, before anything is started.

Runs these checks from every node of a cluster, or on this machine alone, with one line each: nodes answer,
have the same versions and source, and can write and read the storage; free disk space; the MLflow server
answers under its name; clocks; Ray's token; and whether the requested workers can ever run. Sweeps and jobs
run the same checks when they join a cluster of several nodes. Exit code 0: all checks pass, 1: a check
fails, 2: the options cannot be used.

    dnasweep doctor
    dnasweep doctor --address auto --storage s3://bucket/runs --tracking-uri http://10.0.0.4:5000
    dnasweep doctor --address auto --storage /mnt/shared/runs --workers-per-trial 4 --json doctor.json
"""

from rich.console import Console

from dnasweep.runtime.preflight.options import DoctorOptions


def main(options: DoctorOptions, console: Console) -> int:
    from dnasweep.runtime.preflight.preflight import run_doctor

    return run_doctor(options, console)
