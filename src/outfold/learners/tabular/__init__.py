"""The tabular learner: entity embeddings on the contest's table."""
