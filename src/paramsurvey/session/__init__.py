"""Sessions, among them the default one, calls of `map`, and what both set up for the workers."""
