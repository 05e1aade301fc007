"""The image learner: timm models on images."""
