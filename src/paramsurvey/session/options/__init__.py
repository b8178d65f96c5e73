"""The options of a session: as keyword parameters, as they were given, and as release 0.4 took them."""
