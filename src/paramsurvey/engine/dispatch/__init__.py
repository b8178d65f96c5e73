"""Which psets are sent to workers, how many together, and which of them run again."""
