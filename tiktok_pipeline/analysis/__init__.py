"""The analysis of one study, step by step, without Dagster and without a database."""
