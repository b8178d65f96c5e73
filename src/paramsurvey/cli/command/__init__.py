"""Commands as worker functions: templates, quoting, running them, reading results from what they print."""
