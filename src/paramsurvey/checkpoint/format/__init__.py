"""What stands in the Parquet files of a checkpoint, and how values become Arrow's and come back."""
