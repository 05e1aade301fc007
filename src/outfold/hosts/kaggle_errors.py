"""What a refused or failed request to Kaggle means, and what to do about it."""

from __future__ import annotations

import requests

from outfold.errors import HostError, quoted
from outfold.hosts.credentials import HOW_TO, Credentials
from outfold.hosts.retries import in_words
from outfold.redaction import redact


def explain(error: requests.RequestException, what: str, slug: str, credentials: Credentials) -> HostError:
    """The error of a request, in words that say what to do."""
    response = error.response
    if response is None:
        return HostError(
            f"{what}: {in_words(error)}",
            remedy="Check the network (and http_proxy), then run again: what was downloaded is kept."
            " In a Kaggle notebook, switch the Internet on in its settings.",
        )
    status, said = response.status_code, _said(response)
    told = f": {said}" if said else ""
    if status == 401:
        return HostError(
            f"{what}: Kaggle did not accept the credentials from {credentials.source} (401){told}", remedy=HOW_TO
        )
    if status == 403:
        return HostError(
            f"{what}: Kaggle refused (403){told}",
            remedy=f"If you have not accepted the contest's rules yet, do so at {rules_url(slug)} and run again.",
        )
    if status == 404:
        return HostError(
            f"{what}: Kaggle knows no contest {quoted(slug)} (404){told}",
            remedy="slug: in competition.yaml must be the last part of the contest's address.",
        )
    if status == 429:
        return HostError(f"{what}: Kaggle asks for a slower pace (429){told}", remedy="Wait a while, then run again.")
    if status >= 500:
        return HostError(f"{what}: Kaggle's servers failed ({status}){told}", remedy="Wait a while, then run again.")
    if "notebook" in said.lower():
        remedy = (
            "The contest takes its submissions from notebooks on Kaggle alone: attach the models to one, have it "
            "predict there, and submit it on the contest's page."
        )
    else:
        remedy = f"See what the contest takes, and until when, at {contest_url(slug)}."
    return HostError(f"{what}: Kaggle refused ({status}){told}", remedy=remedy)


def contest_url(slug: str) -> str:
    """The contest's page."""
    return f"https://www.kaggle.com/competitions/{slug}"


def rules_url(slug: str) -> str:
    """The page where a contest's rules are accepted; there is no way to do it through the API."""
    return f"{contest_url(slug)}/rules"


def _said(response: requests.Response) -> str:
    """Kaggle's own message, where the answer has one."""
    if "application/json" not in response.headers.get("Content-Type", ""):
        return ""
    try:
        message = response.json().get("message", "")
    except (ValueError, AttributeError, requests.RequestException):
        return ""
    # before it is cut: half a secret would not be recognised
    return redact(" ".join(str(message).split()))[:300]
