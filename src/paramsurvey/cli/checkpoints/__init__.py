"""What the command line reads from checkpoints, and what it saves in them."""
