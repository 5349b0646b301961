"""Pages over the published file, for the people who choose creators: search, cards, lists, benchmarks.

Every page is made on the server, works without scripts, and is an address that can be sent to a colleague. The room
reads the published file and never writes it; the lists of the users are in a file of their own.
"""
