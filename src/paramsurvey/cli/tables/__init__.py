"""Tables of results: onto stdout, and into files of several formats."""
