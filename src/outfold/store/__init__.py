"""Artifacts on disk: paths, manifests, hashes, locks and atomic writes."""
