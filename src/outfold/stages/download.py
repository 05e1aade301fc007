"""download: the contest's files into inputs/, and a hash of each."""

from __future__ import annotations

import json
import os
from pathlib import Path

from outfold.hosts.registry import get_host
from outfold.stages.context import Context
from outfold.store.atomic import write_json
from outfold.store.fingerprint import fingerprint
from outfold.store.inputs import data_hash


def download(context: Context) -> None:
    """Bring inputs/ to what the host has; does nothing where it already is.

    Raises:
        HostError: the host refused or did not answer.
        DataError: files that the contest names are not there.
    """
    config, layout, reporter = context.competition, context.layout, context.reporter
    source = fingerprint(host=config.host, slug=config.slug)
    recorded = _recorded(layout.data_manifest)
    if layout.inputs.is_dir() and recorded.get("source") == source:
        now = data_hash(layout.inputs, layout.data_manifest, reporter, write=False)
        if now == recorded.get("data_hash"):
            os.utime(layout.data_manifest)
            reporter.note(f"download: up to date ({len(recorded['files'])} files)")
            return
    get_host(config, layout.root, layout.inputs).download(layout.inputs, reporter)
    data_hash(layout.inputs, layout.data_manifest, reporter)
    written = _recorded(layout.data_manifest)
    write_json(layout.data_manifest, {**written, "source": source})
    size = sum(item["size"] for item in written["files"].values())
    reporter.note(f"download: {len(written['files'])} files, {size / 1e6:,.1f} MB in {layout.inputs}")


def _recorded(manifest: Path) -> dict:
    try:
        return dict(json.loads(manifest.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
