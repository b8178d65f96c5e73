"""Everything that shows or sends progress, and the selection of what is used."""
