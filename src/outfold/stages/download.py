"""download: the contest's files into inputs/, and a hash of each."""

from __future__ import annotations

from outfold.hosts.registry import get_host
from outfold.runs.context import Context
from outfold.runs.stage_stamps import Stamp
from outfold.store.fingerprint import fingerprint
from outfold.store.input_hashes import data_hash, recorded
from outfold.store.outside_inputs import outside_inputs


def download(context: Context) -> None:
    """Bring inputs/ to what the host has; does nothing where it already is.

    Raises:
        HostError: the host refused or did not answer.
        DataError: files that the contest names are not there.
    """
    stamp = Stamp(context, "download")
    config, layout, reporter = context.competition, context.layout, context.reporter
    source = fingerprint(host=config.host, slug=config.slug)
    before = recorded(layout.data_manifest)
    outside = outside_inputs(config, layout.inputs)
    if layout.inputs.is_dir() and before.get("source") == source:
        now = data_hash(layout.inputs, layout.data_manifest, reporter, outside=outside, write=False)
        if now == before.get("data_hash"):
            data_hash(layout.inputs, layout.data_manifest, reporter, outside=outside, source=source)
            stamp.write()
            reporter.note(f"download: up to date ({len(before['files'])} files)")
            return
    get_host(config, layout.root, layout.inputs).download(layout.inputs, reporter)
    data_hash(layout.inputs, layout.data_manifest, reporter, outside=outside, source=source)
    files = recorded(layout.data_manifest)["files"]
    stamp.write()
    size = sum(item["size"] for item in files.values())
    reporter.note(f"download: {len(files)} files, {size / 1e6:,.1f} MB in {layout.inputs}")
