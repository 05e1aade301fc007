"""Any estimator with the interface of scikit-learn."""
