"""The tabular learner: neural networks on tables."""
