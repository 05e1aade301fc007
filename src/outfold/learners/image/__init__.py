"""The image learner: a timm model on the contest's images."""
