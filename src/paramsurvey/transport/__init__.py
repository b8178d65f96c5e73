"""What the driver and its workers send to each other. Workers load it, so it must not load numpy."""
