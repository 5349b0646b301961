"""Runs of the jobs: start them in this process, resume them, fail the orphaned ones, report how they ended.

The command line works through this folder; it shares the jobs with Dagster's UI.
"""
