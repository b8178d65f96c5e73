"""Where to see what commands print: in the spool while they run, on the terminal, in trees of files."""
