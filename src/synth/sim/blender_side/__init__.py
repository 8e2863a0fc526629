"""The far side of the border: what runs inside Blender, in a child process, and imports nothing else of synth."""
