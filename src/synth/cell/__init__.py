"""The one description of a work cell."""
