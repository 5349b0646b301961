"""The home of the data: its folders, its lock, its log of failures."""
