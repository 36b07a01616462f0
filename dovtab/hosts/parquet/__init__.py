"""The rows as Arrow has them, and a history in Parquet files; for those who have pyarrow."""
