"""Where groups of psets run: a file or folder for each backend, and the registry that finds it by name."""
