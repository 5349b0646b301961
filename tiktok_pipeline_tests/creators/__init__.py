"""Tests of stage ``creators``."""
