"""Images: found, decoded once, kept, batched, augmented."""
