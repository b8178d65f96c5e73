"""Everything that shows or sends progress, and what chooses among it."""
