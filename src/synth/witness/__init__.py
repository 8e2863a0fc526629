"""A frozen network that watches labels: it sees parts before and after, and says how far they moved."""
