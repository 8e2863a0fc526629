"""Somebody else's images and labels as a dataset; one format a file."""
