"""The survey's loop, what it decides, and the protocols of what it drives: backends and checkpoints."""
