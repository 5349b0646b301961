"""Forget a creator: who is suppressed, and how files are redacted."""
