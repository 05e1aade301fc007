"""What ``outfold tune`` searches where a pipeline's ``tune`` says nothing, by learner."""

from __future__ import annotations

from outfold.config.search import Range, Space

DEFAULT_SPACES: dict[str, Space] = {
    # early stopping finds the rounds, so that a small learning rate costs time and no more
    "gbdt": {
        "params.learning_rate": Range(low=0.01, high=0.2, log=True),
        "params.num_leaves": Range(low=4, high=256, log=True),
        "params.min_data_in_leaf": Range(low=1, high=100, log=True),
        "params.feature_fraction": Range(low=0.3, high=1.0),
        "params.bagging_fraction": Range(low=0.4, high=1.0),
        "params.lambda_l1": Range(low=1e-4, high=10.0, log=True),
        "params.lambda_l2": Range(low=1e-3, high=100.0, log=True),
    },
    # the strength of the penalty is chosen inside every fit already
    "linear": {
        "encoding": ["one_hot", "target"],
        "l1_ratio": [0.0, 0.1, 0.5, 0.9, 1.0],
    },
    # a recipe's learning rates are its own: `outfold lr-find`
    "image": {
        "weight_decay": Range(low=1e-4, high=0.3, log=True),
        "strength": Range(low=0.5, high=2.0),
        "label_smoothing": [0.0, 0.05, 0.1],
    },
}
