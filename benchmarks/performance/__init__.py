"""What is measured for speed and memory, against which rivals."""
