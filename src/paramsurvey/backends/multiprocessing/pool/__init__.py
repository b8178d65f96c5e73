"""The pool of workers: which of them has what, how many there are, and what becomes of those that end."""
