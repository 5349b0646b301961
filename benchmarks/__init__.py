"""What is measured, and how; nothing of the package depends on it. Run ``python -m benchmarks``."""
