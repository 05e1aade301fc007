"""Wrappers around a learner: one model per fold, per target, or with a transformed target."""
