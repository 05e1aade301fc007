"""The gbdt learner: gradient-boosted trees (LightGBM)."""
