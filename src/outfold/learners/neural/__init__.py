"""What the learners of all networks have in common: losses, checks, pictures, the learning-rate finder."""
