"""The training engine: models, data order, optimisers, schedules, checkpoints and resume."""
