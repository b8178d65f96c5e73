"""Worker processes on this machine: one of them from the inside (`child`) and from the outside (`process`)."""
