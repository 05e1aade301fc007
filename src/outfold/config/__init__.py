"""Configuration files: their keys as typed models, loaded from YAML with errors that name file, line and key."""
