"""Robotics data capture and sim-to-real, from one arm, one depth camera and one CAD file."""

__version__ = "0.1.0"
