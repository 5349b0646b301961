"""Stage 5: the name of each cluster, the features that mark it, its verdict, and the advice for a marketer.

A name comes from the features of a cluster relative to the average, never from its number.
"""
