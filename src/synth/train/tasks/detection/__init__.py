"""Boxes of parts in whole pictures."""
