"""The search of ``outfold tune``."""
