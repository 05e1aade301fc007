"""What is to be known of a column, and what to be distrusted."""
