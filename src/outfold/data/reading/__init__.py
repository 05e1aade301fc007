"""Tables read from files, with typed columns and checked ids."""
