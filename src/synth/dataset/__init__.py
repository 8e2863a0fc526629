"""The dataset on disk: every stage reads and writes images and labels only through this package."""
