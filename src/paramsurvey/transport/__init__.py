"""What crosses the border between the driver and its workers. Workers load it, so it needs no numpy."""
