"""What runs for each pset: a command (its template, quoting, execution and output), or a Python function."""
