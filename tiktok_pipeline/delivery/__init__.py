"""What a delivered file is, found from its content: container, encoding, layout, and its records as text."""
