"""Dagster resources: what a run opens and shares between its assets. Warehouse, I/O manager, samples, figures.

A resource holds a connection or a cache. What the assets compute is not here.
"""
