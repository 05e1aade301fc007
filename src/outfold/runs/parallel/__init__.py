"""Folds in parallel processes, and training on several GPUs."""
