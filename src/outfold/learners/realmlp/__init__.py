"""RealMLP, through its authors' library."""
