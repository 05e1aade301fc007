"""Tables as learners read them: columns, features, design matrices, targets and weights of rows."""
