"""Small samples of the examples' contests of tables, as their files lie on disk after the download."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

REAL = Path(os.environ["OUTFOLD_TEST_DATA"]) if os.environ.get("OUTFOLD_TEST_DATA") else None

HOUSE_COLUMNS: dict[str, str | tuple[int, int]] = {
    "MSSubClass": (20, 190),
    "MSZoning": "RL RM FV RH",
    "LotFrontage": (21, 120),
    "LotArea": (1300, 20000),
    "Street": "Pave Grvl",
    "Alley": "NA Grvl Pave",
    "LotShape": "Reg IR1 IR2 IR3",
    "LandContour": "Lvl Bnk HLS Low",
    "Utilities": "AllPub NoSeWa",
    "LotConfig": "Inside Corner CulDSac FR2",
    "LandSlope": "Gtl Mod Sev",
    "Neighborhood": "NAmes CollgCr OldTown Edwards Somerst",
    "Condition1": "Norm Feedr Artery",
    "Condition2": "Norm Feedr",
    "BldgType": "1Fam TwnhsE Duplex",
    "HouseStyle": "1Story 2Story 1.5Fin",
    "OverallQual": (1, 10),
    "OverallCond": (1, 9),
    "YearBuilt": (1880, 2009),
    "YearRemodAdd": (1950, 2010),
    "RoofStyle": "Gable Hip",
    "RoofMatl": "CompShg Tar&Grv",
    "Exterior1st": "VinylSd HdBoard MetalSd",
    "Exterior2nd": "VinylSd HdBoard CmentBd",
    "MasVnrType": "None BrkFace Stone NA",
    "MasVnrArea": (0, 500),
    "ExterQual": "TA Gd Ex Fa",
    "ExterCond": "TA Gd Fa",
    "Foundation": "PConc CBlock BrkTil",
    "BsmtQual": "TA Gd Ex NA",
    "BsmtCond": "TA Gd Fa NA",
    "BsmtExposure": "No Av Gd Mn NA",
    "BsmtFinType1": "Unf GLQ ALQ NA",
    "BsmtFinSF1": (0, 1200),
    "BsmtFinType2": "Unf Rec LwQ NA",
    "BsmtFinSF2": (0, 300),
    "BsmtUnfSF": (0, 1000),
    "TotalBsmtSF": (0, 1800),
    "Heating": "GasA GasW",
    "HeatingQC": "Ex TA Gd Fa",
    "CentralAir": "Y N",
    "Electrical": "SBrkr FuseA NA",
    "1stFlrSF": (400, 2000),
    "2ndFlrSF": (0, 1200),
    "LowQualFinSF": (0, 80),
    "GrLivArea": (400, 4600),
    "BsmtFullBath": (0, 2),
    "BsmtHalfBath": (0, 1),
    "FullBath": (1, 3),
    "HalfBath": (0, 2),
    "BedroomAbvGr": (1, 5),
    "KitchenAbvGr": (1, 2),
    "KitchenQual": "TA Gd Ex Fa",
    "TotRmsAbvGrd": (3, 11),
    "Functional": "Typ Min1 Maj2",
    "Fireplaces": (0, 2),
    "FireplaceQu": "NA Gd TA",
    "GarageType": "Attchd Detchd NA",
    "GarageYrBlt": (1900, 2010),
    "GarageFinish": "Unf RFn Fin NA",
    "GarageCars": (0, 3),
    "GarageArea": (0, 1300),
    "GarageQual": "TA Fa NA",
    "GarageCond": "TA Fa NA",
    "PavedDrive": "Y N P",
    "WoodDeckSF": (0, 400),
    "OpenPorchSF": (0, 200),
    "EnclosedPorch": (0, 200),
    "3SsnPorch": (0, 100),
    "ScreenPorch": (0, 200),
    "PoolArea": (0, 600),
    "PoolQC": "NA NA NA Ex",
    "Fence": "NA MnPrv GdWo",
    "MiscFeature": "NA Shed",
    "MiscVal": (0, 900),
    "MoSold": (1, 12),
    "YrSold": (2006, 2010),
    "SaleType": "WD New COD",
    "SaleCondition": "Normal Partial Abnorml",
}
"""The columns of the house prices contest in their order: some words of each, or its least and greatest number."""


def write_tables(root: Path, table: pd.DataFrame, rows: int, target: str, sample: str, constant: float) -> None:
    """The first so many rows as train.csv, the others as test.csv and as the truth that the host keeps."""
    inputs = root / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    train, test = table[:rows], table[rows:]
    train.to_csv(inputs / "train.csv", index=False)
    test.drop(columns=target).to_csv(inputs / "test.csv", index=False)
    answer = test[[table.columns[0], target]]
    answer.assign(**{target: constant}).to_csv(inputs / sample, index=False)
    usage = np.where(np.arange(len(test)) % 2, "Public", "Private")
    answer.assign(Usage=usage).to_csv(root / "solution.csv", index=False)


def titanic(root: Path) -> None:
    """Passengers, real ones where there are some: women and boys of a family share their fate."""
    real = REAL / "titanic" / "train.csv" if REAL is not None else None
    table = pd.read_csv(real)[:240] if real is not None and real.exists() else _passengers(240)
    write_tables(root, table, 180, "Survived", "gender_submission.csv", 0)


def _passengers(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    party = np.sort(rng.integers(0, n // 2, n))
    women = rng.random(n) < 0.4
    boys = ~women & (rng.random(n) < 0.15)
    first, cabin = np.where(rng.random(n) < 0.3, 1, 3), rng.random(n) < 0.25
    size = np.bincount(party)[party]
    title = np.where(boys, "Master", np.where(women, np.where(rng.random(n) < 0.5, "Mrs", "Miss"), "Mr"))
    title[::60] = "Dr"
    table = pd.DataFrame(
        {
            "PassengerId": np.arange(1, n + 1),
            "Survived": np.where(women | boys, rng.random(n // 2)[party] < 0.75, rng.random(n) < 0.15).astype(int),
            "Pclass": first[party],
            "Name": [f"Name{p}, {t}. Jo{k}" for k, (p, t) in enumerate(zip(party, title, strict=True))],
            "Sex": np.where(women, "female", "male"),
            "Age": np.where(rng.random(n) < 0.2, np.nan, np.where(boys, 5, 30) + rng.integers(0, 8, n)),
            "SibSp": size - 1,
            "Parch": 0,
            "Ticket": [f"PC {p}" for p in party],
            "Fare": 8.05 * size,
            "Cabin": np.where(cabin, [f"{deck}{k}" for k, deck in enumerate(rng.choice(list("ABC"), n))], None),
            "Embarked": rng.choice(["S", "C", "Q"], n),
        }
    )
    return table.sample(frac=1, random_state=0)


def house_prices(root: Path) -> None:
    """All 81 columns, prices by quality and area; NA is a word in many of them, and two houses are far too large."""
    rng, n = np.random.default_rng(0), 180
    table = pd.DataFrame(
        {
            name: rng.choice(values.split(), n)
            if isinstance(values, str)
            else rng.integers(values[0], values[1] + 1, n)
            for name, values in HOUSE_COLUMNS.items()
        }
    ).astype({"LotFrontage": object, "GarageYrBlt": object})
    table.loc[rng.random(n) < 0.2, ["LotFrontage", "GarageYrBlt"]] = "NA"
    table.loc[[3, 30], "GrLivArea"] = [5642, 4676]
    noise = rng.normal(0, 0.08, n)
    area = table["GrLivArea"].clip(upper=4000)
    table["SalePrice"] = np.exp(9 + 0.12 * table["OverallQual"] + 0.3 * np.log(area) + noise).astype(int)
    table.insert(0, "Id", np.arange(1, n + 1))
    write_tables(root, table, 140, "SalePrice", "sample_submission.csv", 180_000)


def playground(root: Path) -> None:
    """The columns of a bank's customers, who leave by age, by the number of products and by country."""
    rng, n = np.random.default_rng(0), 240
    table = pd.DataFrame(
        {
            "id": np.arange(165034, 165034 + n),
            "CustomerId": rng.integers(15_565_701, 15_815_690, n),
            "Surname": rng.choice(["Smith", "Hsia", "Chu", "Ts'ai", "Onyekachi"], n),
            "CreditScore": rng.integers(350, 850, n),
            "Geography": rng.choice(["France", "Germany", "Spain"], n),
            "Gender": rng.choice(["Female", "Male"], n),
            "Age": rng.integers(18, 80, n).astype(float),
            "Tenure": rng.integers(0, 11, n),
            "Balance": np.where(rng.random(n) < 0.5, 0.0, rng.integers(50_000, 200_000, n) / 1.0),
            "NumOfProducts": rng.integers(1, 4, n),
            "HasCrCard": rng.integers(0, 2, n) / 1.0,
            "IsActiveMember": rng.integers(0, 2, n) / 1.0,
            "EstimatedSalary": rng.integers(1, 200_000, n) / 1.0,
        }
    )
    leaning = 0.12 * (table["Age"] - 48) + 2 * (table["NumOfProducts"] == 3) + (table["Geography"] == "Germany")
    table["Exited"] = (rng.random(n) < 1 / (1 + np.exp(-leaning))).astype(int)
    write_tables(root, table, 180, "Exited", "sample_submission.csv", 0.5)


def rossmann(root: Path) -> None:
    """Four files for a few shops, real ones where there are some: closed on Sundays, busier in a promotion."""
    real = REAL / "rossmann" if REAL is not None else None
    if real is not None and (real / "train_clean.parquet").exists():
        found = pd.read_parquet(real / "train_clean.parquet", columns=ROSSMANN, filters=[("Store", "<=", 5)])
        days, shops = found[found["Date"] >= "2014-12-01"], pd.read_csv(real / "store.csv")[:5]
    else:
        days, shops = _days_of_shops(), pd.DataFrame(STORES)
    days = days.sort_values(["Date", "Store"], ascending=[False, True], ignore_index=True)
    asked = days["Date"] > days["Date"].max() - pd.Timedelta("48D")
    inputs = root / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    shops.to_csv(inputs / "store.csv", index=False)
    days[~asked].to_csv(inputs / "train.csv", index=False)
    test = days[asked].reset_index(drop=True)
    test.insert(0, "Id", range(1, len(test) + 1))
    is_open = test["Open"].astype(float).mask(test["Id"].isin([3, 4]) & (test["Open"] == 1))
    test.assign(Open=is_open).drop(columns=["Sales", "Customers"]).to_csv(inputs / "test.csv", index=False)
    answer = test[["Id", "Sales"]]
    answer.assign(Sales=0).to_csv(inputs / "sample_submission.csv", index=False)
    usage = np.where(np.arange(len(test)) % 2, "Public", "Private")
    answer.assign(Usage=usage).to_csv(root / "solution.csv", index=False)


ROSSMANN = ["Store", "DayOfWeek", "Date", "Sales", "Customers", "Open", "Promo", "StateHoliday", "SchoolHoliday"]
STORES = {
    "Store": [1, 2, 3],
    "StoreType": ["c", "a", "a"],
    "Assortment": ["a", "a", "c"],
    "CompetitionDistance": [1270, 570, None],
    "CompetitionOpenSinceMonth": [9, None, 1],
    "CompetitionOpenSinceYear": [2008, None, 2015],
    "Promo2": [0, 1, 1],
    "Promo2SinceWeek": [None, 13, 14],
    "Promo2SinceYear": [None, 2010, 2015],
    "PromoInterval": [None, "Jan,Apr,Jul,Oct", "Mar,Jun,Sept,Dec"],
}


def _days_of_shops() -> pd.DataFrame:
    rng, date = np.random.default_rng(0), np.tile(pd.date_range("2014-12-01", "2015-07-31"), 3)
    table = pd.DataFrame({"Store": np.repeat([1, 2, 3], len(date) // 3), "Date": date})
    day = table["Date"].dt.dayofweek
    table.insert(1, "DayOfWeek", day + 1)
    holiday = np.where((table["Date"].dt.day == 1) & (table["Date"].dt.month % 4 == 1), "a", "0")
    table["Open"] = ((day < 6) & (holiday == "0")).astype(int)
    table["Promo"] = ((table["Date"].dt.isocalendar().week.astype(int) % 2 == 0) & (day < 5)).astype(int)
    sold = table["Store"] ** 2 * 1500 * (1 + 0.3 * table["Promo"]) * rng.lognormal(0, 0.1, len(table))
    table["Sales"] = (sold * table["Open"]).astype(int)
    table["Customers"] = table["Sales"] // 9
    return table.assign(StateHoliday=holiday, SchoolHoliday=(table["Date"].dt.month == 7).astype(int))[ROSSMANN]
