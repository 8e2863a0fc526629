"""What there is to see: one file a scenario, each a way from a cell to scenes."""
