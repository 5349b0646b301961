"""One file for each study: a docstring with its question and its source, and ``STUDY = Study(...)``. No logic.

A file that is put here is found at the next start; nothing else has to be edited.
"""
