"""One driver at a time on a checkpoint: the lock, and whether the process that holds it is alive."""
