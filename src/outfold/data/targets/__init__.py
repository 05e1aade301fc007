"""Targets: the task, and labels as numbers."""
