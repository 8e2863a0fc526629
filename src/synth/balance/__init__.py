"""Label maps in which rare classes are less rare, made from training maps alone."""
