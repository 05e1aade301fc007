"""Columns as numbers, by what a training part has shown."""
