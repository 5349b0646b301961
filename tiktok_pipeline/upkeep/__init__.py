"""Look after a home: check it (doctor), remove old snapshots (prune), follow a creator (trace)."""
