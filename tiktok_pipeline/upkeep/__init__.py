"""Look after a home: check it (doctor) and remove old snapshots (prune)."""
