"""Arrays in, numbers out: how far two sets of pictures lie apart, and how sure a figure is."""
