"""Worker processes on this machine: a worker from the inside (`child`) and from the outside (`process`)."""
