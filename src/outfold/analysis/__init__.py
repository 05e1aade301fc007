"""Reading the results of a contest from Python: scores, errors, figures."""
