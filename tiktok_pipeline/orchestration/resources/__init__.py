"""The resources of a run: warehouse, I/O manager, samples, figures."""
