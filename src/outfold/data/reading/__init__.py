"""Files of a contest as tables by id: every cell of a type, every id there."""
