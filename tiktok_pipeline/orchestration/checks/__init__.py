"""Dagster asset checks: one file for the contract of every table, one for each other subject.

A check reads stored rows and reports; it changes nothing. Only a failed blocking check stops a run.
"""
