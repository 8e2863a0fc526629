"""Rigid transforms, cameras, arms and rays: arrays in, arrays out, no files."""
