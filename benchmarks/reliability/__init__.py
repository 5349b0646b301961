"""What is broken on purpose: kills, damaged files, refreshes at once."""
