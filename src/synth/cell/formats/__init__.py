"""What stands in files of meshes: read as their formats say, before trimesh makes a mesh of them."""
