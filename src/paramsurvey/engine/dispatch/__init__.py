"""Which psets are sent to workers, how many at a time, and which of them run again."""
