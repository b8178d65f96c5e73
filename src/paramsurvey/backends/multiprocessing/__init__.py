"""Worker processes on this machine: `process` is one from the outside, `child` from the inside."""
