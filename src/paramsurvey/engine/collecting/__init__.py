"""What came back: results in columns, in the order of the psets, and when and where each pset ran."""
