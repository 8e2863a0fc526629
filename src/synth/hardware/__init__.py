"""Robots and cameras; only capture imports this package."""
