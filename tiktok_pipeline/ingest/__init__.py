"""A delivered file becomes part of a snapshot: recognized, dated, hashed, stored, listed in the manifest."""
