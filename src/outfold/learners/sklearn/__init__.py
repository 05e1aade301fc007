"""The sklearn learner: any estimator with scikit-learn's interface."""
