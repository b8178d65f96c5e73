"""What the driver and its workers send each other. Workers load this package, so it must not load numpy."""
