"""Data: tables and images read, profiled, encoded and turned into features."""
