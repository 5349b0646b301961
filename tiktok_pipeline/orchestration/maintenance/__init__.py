"""Change what Dagster keeps of a home: erase a creator, delete the records of a snapshot."""
