"""What each kind of training data is worth on real held-out images."""
