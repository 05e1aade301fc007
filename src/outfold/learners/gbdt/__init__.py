"""The gbdt learner: gradient-boosted trees by LightGBM, XGBoost or CatBoost."""
