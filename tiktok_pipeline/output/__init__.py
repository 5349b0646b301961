"""Write rows for a person or another program: to the terminal and to files."""
