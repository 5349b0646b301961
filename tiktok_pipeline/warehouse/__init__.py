"""Holds all of the database: the contract of a table, the port, and the one engine behind it.

Nothing of the domain belongs here: no column of a profile is named in this room.
"""
