"""Gives rendered images the look of captured ones and keeps their labels true."""
