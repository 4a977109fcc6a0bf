"""The page of a run: the same views served while it is written, or frozen into one file."""
