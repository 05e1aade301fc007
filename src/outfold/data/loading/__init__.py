"""Train and test: their rows by id, what each column is, which image belongs to whom."""
