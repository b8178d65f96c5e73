"""The default session and the others, one call of `map`, and what both set up for the workers."""
