"""What a bar, a pull, a revision, a panel is."""
