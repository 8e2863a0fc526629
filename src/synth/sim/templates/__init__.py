"""Pictures with alpha, one a class, laid into photographs as flat signs."""
