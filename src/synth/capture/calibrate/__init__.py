"""Where camera and part really are, and how well that is known."""
