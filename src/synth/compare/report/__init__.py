"""The report of a comparison: one HTML file that needs nothing else, and the same figures as JSON."""
