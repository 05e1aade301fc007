"""Words of quality as numbers, and sums that a buyer would make: areas, baths, ages."""

from __future__ import annotations

import numpy as np
import pandas as pd

ORDERED = {
    "Po Fa TA Gd Ex": [
        *("ExterQual", "ExterCond", "BsmtQual", "BsmtCond", "HeatingQC", "KitchenQual", "FireplaceQu"),
        *("GarageQual", "GarageCond", "PoolQC"),
    ],
    "No Mn Av Gd": ["BsmtExposure"],
    "Unf LwQ Rec BLQ ALQ GLQ": ["BsmtFinType1", "BsmtFinType2"],
    "Unf RFn Fin": ["GarageFinish"],
    "Sal Sev Maj2 Maj1 Mod Min2 Min1 Typ": ["Functional"],
    "IR3 IR2 IR1 Reg": ["LotShape"],
    "Sev Mod Gtl": ["LandSlope"],
    "N P Y": ["PavedDrive"],
}
"""Words from the worst to the best: 1, 2, 3, ... NA, which in these files says that there is no such thing, is 0."""

CODES = ("MSSubClass", "MoSold")
"""Numbers that name a kind of house, and a month."""

LARGEST = {
    "LotArea": 50_000,
    "GrLivArea": 4_000,
    "1stFlrSF": 3_000,
    "TotalBsmtSF": 3_000,
    "BsmtFinSF1": 2_500,
    "GarageArea": 1_200,
    "Area": 6_000,
    "AreaByQuality": 50_000,
}
"""Square feet beyond which more makes no dearer house. Five have more than 4,000 in the data from which the contest is
drawn, and three of them were sold far below what their size says (De Cock 2011)."""


def features(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with numbers for words, sums, ages, and long-tailed areas as logarithms."""
    return described(train), described(test)


def described(houses: pd.DataFrame) -> pd.DataFrame:
    """The houses of one table, each by itself: no row looks at another."""
    for words, columns in ORDERED.items():
        rank = {word: place for place, word in enumerate(words.split(), start=1)}
        for column in columns:
            houses[column] = houses[column].map(rank).fillna(0).astype(float)
    for column in CODES:
        houses[column] = houses[column].astype(str)

    houses["Area"] = houses["TotalBsmtSF"].fillna(0) + houses["GrLivArea"]
    houses["AreaByQuality"] = houses["Area"] * houses["OverallQual"]
    for column, most in LARGEST.items():
        houses[column] = houses[column].clip(upper=most)
    for column in ("LotArea", "GrLivArea", "1stFlrSF", "Area", "AreaByQuality"):
        houses[f"log {column}"] = np.log(houses[column])

    houses["Baths"] = (
        houses[["FullBath", "BsmtFullBath"]].sum(axis=1) + houses[["HalfBath", "BsmtHalfBath"]].sum(axis=1) / 2
    )
    houses["Porches"] = houses[["WoodDeckSF", "OpenPorchSF", "EnclosedPorch", "3SsnPorch", "ScreenPorch"]].sum(axis=1)
    houses["Age"] = houses["YrSold"] - houses["YearBuilt"]
    houses["SinceRemodelled"] = houses["YrSold"] - houses["YearRemodAdd"]
    houses["QualityAndCondition"] = houses["OverallQual"] * houses["OverallCond"]
    return houses
