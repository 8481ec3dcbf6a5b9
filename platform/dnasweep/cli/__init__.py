"""The command line of sweeps and jobs."""
