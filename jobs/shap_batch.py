"""Run `dnasweep shap-batch` from the clone; the command is defined in platform/dnasweep/commands/jobs/shap_batch.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
