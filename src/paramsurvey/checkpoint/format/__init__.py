"""What is in the Parquet files of a checkpoint, and how values are converted to Arrow and back."""
