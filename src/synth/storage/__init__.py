"""Folders that survive a kill: files written whole, logs of whole lines, one writer at a time."""
