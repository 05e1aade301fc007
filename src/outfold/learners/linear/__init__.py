"""The linear learner: logistic, ridge and elastic-net regression."""
