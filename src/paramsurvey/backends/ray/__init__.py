"""Workers on a Ray cluster, each of which drives a worker process of our own."""
