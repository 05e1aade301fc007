"""Titles, and who travelled with whom: what the columns of the Titanic hold between the lines."""

from __future__ import annotations

import numpy as np
import pandas as pd


def features(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is known of every passenger of both parts before anyone sails: nothing here looks at who survived."""
    everyone = pd.concat([train, test])
    title = everyone["Name"].str.extract(r", ([^.]*)\.")[0].str.split().str[-1]
    title = title.replace({"Mlle": "Miss", "Ms": "Miss", "Mme": "Mrs"})
    usual = title.isin(["Mr", "Mrs", "Miss", "Master"])
    everyone["Title"] = title.where(usual, everyone["Sex"].map({"female": "Mrs", "male": "Sir"}))

    on_ticket = everyone.groupby("Ticket")["Ticket"].transform("size")
    family = everyone["SibSp"] + everyone["Parch"] + 1
    everyone["Family"] = family
    everyone["Party"] = np.maximum(family, on_ticket)
    everyone["Company"] = pd.cut(everyone["Party"], [0, 1, 4, 99], labels=["alone", "few", "many"]).astype(str)
    everyone["FareEach"] = everyone["Fare"] / on_ticket  # a ticket's fare is that of all who travel on it
    everyone["Deck"] = everyone["Cabin"].str[0]
    everyone["WomanOrBoy"] = (everyone["Sex"] == "female") | (everyone["Title"] == "Master")
    everyone["Group"] = groups(everyone)
    return everyone.loc[train.index], everyone.loc[test.index]


def groups(people: pd.DataFrame) -> pd.Series:
    """A name for each party, the least of its tickets.

    A party is who travels on one ticket, and who is of one surname, class and family size, and so on from one to the
    next: a nursemaid is on the family's ticket, and a brother may have his own.
    """
    surname = people["Name"].str.split(",").str[0]
    family = people["SibSp"] + people["Parch"] + 1
    kin = surname + " " + people["Pclass"].astype(str) + " " + family.astype(str)
    kin = kin.where(family > 1, people["Ticket"])
    group = people["Ticket"]
    while True:  # the least ticket of each kin, then of each group, until nothing changes
        least = group.groupby(kin).transform("min")
        least = least.groupby(group).transform("min")
        if least.equals(group):
            return group
        group = least
