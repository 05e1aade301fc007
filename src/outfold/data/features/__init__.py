"""Features of tables, one module per kind."""
