"""``run.json``: what a checkpoint says of its run, how it is written, and whether it can be relied upon."""
