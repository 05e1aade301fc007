"""Hosts of contests: Kaggle, a local folder, scikit-learn's datasets."""
