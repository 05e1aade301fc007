"""Code shared by the image and tabular learners: losses, validation, plots, the learning-rate finder."""
