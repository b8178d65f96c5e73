"""What the command line does with the checkpoints of earlier runs."""
