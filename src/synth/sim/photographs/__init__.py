"""Rendering over somebody else's photographs: known models and poses, but no cell, arm or table."""
