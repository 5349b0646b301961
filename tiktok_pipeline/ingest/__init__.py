"""A delivered file becomes part of a snapshot: recognised, dated, hashed, stored, listed in the manifest."""
