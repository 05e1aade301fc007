"""Profiles of columns and rows: types, drift, associations, duplicates and likely leaks."""
