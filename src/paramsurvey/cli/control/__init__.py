"""When commands start and end: ``--delay``, ``--load``, ``--memfree``, ``--timeout``, ``--halt``; joblogs."""
