"""Tests of the dialects: names, files and recognition."""
