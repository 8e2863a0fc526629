"""Plan, move, shoot, label, judge, write: a labelled dataset from one work cell."""
