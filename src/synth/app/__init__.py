"""Pages that a browser on this machine shows: label maps are drawn there, datasets looked through."""
