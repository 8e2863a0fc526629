"""Devices behind the same drivers as real ones: what is simulated begins at the wire or in the SDK."""
