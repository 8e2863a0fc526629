"""Synthetic images from the same cell description: scenes as data, Blender as one way to look at them."""
