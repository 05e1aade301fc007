"""The commands, one module each: ``outfold train`` is :mod:`outfold.stages.train`."""
