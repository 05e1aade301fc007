"""Learners: each fits one fold's models and predicts with them."""
