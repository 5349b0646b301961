"""Forget a creator: find their records, suppress them in later deliveries, redact files, scrub exports and logs."""
