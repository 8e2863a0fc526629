"""Where and how cut-outs are laid, one way a file."""
