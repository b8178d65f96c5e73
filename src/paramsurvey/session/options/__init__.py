"""The options of a session: as keyword parameters, as they were given, and those of release 0.4."""
