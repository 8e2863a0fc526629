"""The class of each instance's crop, or of a whole picture."""
