"""Surface normals, read from crops of single parts."""
