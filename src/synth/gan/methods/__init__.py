"""Ways of learning a translation between two looks; one file a method."""
