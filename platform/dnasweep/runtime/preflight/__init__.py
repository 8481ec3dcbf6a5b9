"""What every machine is asked before work starts on several machines."""
