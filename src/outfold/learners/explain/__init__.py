"""Explanations of table models: permutation importance and SHAP values."""
