"""When commands start and end: ``--delay``, ``--load``, ``--memfree``, ``--timeout``, ``--halt``; and the joblog."""
