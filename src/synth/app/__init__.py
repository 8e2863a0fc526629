"""Pages that a browser shows, served by this machine to itself: drawing label maps."""
