"""RealMLP, trained by pytabkit."""
