"""``run.json``: what a checkpoint says about its run, how it is written, and whether it can be relied on."""
