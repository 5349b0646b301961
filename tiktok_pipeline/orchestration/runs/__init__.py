"""Start runs, follow them, resume them, report how they ended."""
