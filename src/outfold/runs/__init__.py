"""Running pipelines: training of folds, provenance of their artifacts, scores."""
