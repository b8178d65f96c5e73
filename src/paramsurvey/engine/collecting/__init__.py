"""What came back from workers: results as columns in the psets' order, and when and where each pset ran."""
