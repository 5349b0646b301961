"""Stage 5: what a cluster is called, what marks it, and what a marketer does with it.

A name comes from what a cluster looks like beside the others, never from its number.
"""
