"""Parameter sets from the command line: the axes of ``-p``, samples, and the tables of ``--psets``."""
