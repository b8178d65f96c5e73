"""Worker processes on this machine: from the outside (`pool`, `process`) and from the inside (`child`)."""
