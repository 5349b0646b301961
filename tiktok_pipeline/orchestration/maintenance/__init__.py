"""Changes to Dagster's own records and to what its runs made."""
