"""The host that a contest file names; each is imported where it is used."""

from __future__ import annotations

from pathlib import Path

from outfold.config.competition import CompetitionConfig
from outfold.hosts.host import Host, Scoring


def get_host(config: CompetitionConfig, root: Path, inputs: Path, scoring: Scoring | None = None) -> Host:
    """The host that ``competition.yaml`` names.

    Args:
        config: the contest file; ``host``, ``slug`` and the files that it names are read.
        root: the contest's folder; ``solution`` is relative to it.
        inputs: where the data lies, or will.
        scoring: for host folder, how a file is scored; needed by ``submit`` only.
    """
    if config.host == "kaggle":
        from outfold.hosts.kaggle import KaggleHost

        return KaggleHost(config.slug)
    if config.host == "folder":
        from outfold.hosts.folder import FolderHost

        return FolderHost(config, root, inputs, scoring)
    from outfold.hosts.demo import DemoHost

    return DemoHost(scoring)
