"""What ``outfold tune`` searches where a pipeline's ``tune`` says nothing: by learner, of trees by library."""

from __future__ import annotations

from outfold.config.gbdt import GbdtPipeline
from outfold.config.pipeline_base import ModelPipelineBase
from outfold.config.search_space import Range, Space
from outfold.config.tabular import TabularPipeline

# of trees: early stopping finds the rounds, so that a small learning rate costs time and no more
# of linear models: the strength of the penalty is chosen inside every fit already
# of networks: a recipe's learning rates are its own (`outfold lr-find`)
DEFAULT_SPACES: dict[str, Space] = {
    "lightgbm": {
        "params.learning_rate": Range(low=0.01, high=0.2, log=True),
        "params.num_leaves": Range(low=4, high=256, log=True),
        "params.min_data_in_leaf": Range(low=1, high=100, log=True),
        "params.feature_fraction": Range(low=0.3, high=1.0),
        "params.bagging_fraction": Range(low=0.4, high=1.0),
        "params.lambda_l1": Range(low=0.0001, high=10.0, log=True),
        "params.lambda_l2": Range(low=0.001, high=100.0, log=True),
    },
    "xgboost": {
        "params.learning_rate": Range(low=0.01, high=0.2, log=True),
        "params.max_depth": Range(low=2, high=12),
        "params.min_child_weight": Range(low=0.5, high=100.0, log=True),
        "params.colsample_bytree": Range(low=0.3, high=1.0),
        "params.subsample": Range(low=0.4, high=1.0),
        "params.alpha": Range(low=0.0001, high=10.0, log=True),
        "params.lambda": Range(low=0.001, high=100.0, log=True),
    },
    "catboost": {
        "params.learning_rate": Range(low=0.01, high=0.2, log=True),
        "params.depth": Range(low=3, high=10),
        "params.l2_leaf_reg": Range(low=0.5, high=50.0, log=True),
        "params.random_strength": Range(low=0.01, high=10.0, log=True),
    },
    "linear": {
        "encoding": ["one_hot", "target"],
        "l1_ratio": [0.0, 0.1, 0.5, 0.9, 1.0],
    },
    "tabular": {
        "layers": [[200, 100], [500, 250], [1000, 500]],
        "dropouts": Range(low=0.0, high=0.6),
        "embedding_dropout": Range(low=0.0, high=0.3),
        "weight_decay": Range(low=0.0001, high=0.3, log=True),
    },
    "tabm": {
        "params.n_blocks": [1, 2, 3, 4],
        "params.d_block": [128, 256, 512],
        "params.dropout": Range(low=0.0, high=0.5),
        "weight_decay": Range(low=0.0001, high=0.1, log=True),
    },
    "realmlp": {
        "params.hidden_sizes": [[256, 256, 256], [128, 128], [512, 256, 128]],
        "params.p_drop": Range(low=0.0, high=0.5),
        "params.lr": Range(low=0.01, high=0.5, log=True),
        "params.wd": Range(low=0.001, high=0.1, log=True),
    },
    "image": {
        "weight_decay": Range(low=0.0001, high=0.3, log=True),
        "strength": Range(low=0.5, high=2.0),
        "label_smoothing": [0.0, 0.05, 0.1],
    },
}


def default_space(config: ModelPipelineBase) -> Space:
    """What to search for this pipeline; nothing for a learner that has no default."""
    kind = config.library if isinstance(config, GbdtPipeline) else getattr(config, "learner", "")
    if isinstance(config, TabularPipeline) and config.model != "embeddings":
        kind = config.model
    return DEFAULT_SPACES.get(kind, {})
