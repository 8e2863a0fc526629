"""How label maps say which class a pixel is of: tables of known data sets, and those of one's own."""
