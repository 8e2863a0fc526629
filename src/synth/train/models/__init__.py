"""Network architectures, one a file, without data or losses."""
