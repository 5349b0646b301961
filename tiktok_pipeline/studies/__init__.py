"""One file for each study: a docstring with its question and its source, and ``STUDY = Study(...)``. No logic.

The next start loads every file of this folder. To add a study, add its file; nothing else has to change.
"""
