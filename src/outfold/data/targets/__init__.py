"""What a contest asks, and its answers as numbers."""
