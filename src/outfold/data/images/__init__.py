"""Images: found, checked, decoded, cached, batched and augmented."""
