"""What runs inside Blender, in a child process; it imports nothing else of synth."""
