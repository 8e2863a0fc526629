"""The class of every pixel of a whole picture."""
