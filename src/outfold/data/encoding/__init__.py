"""Encodings of table columns as numbers, fitted on the training part of a fold."""
