"""What networks are trained to do, one task a file."""
