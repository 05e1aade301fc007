"""How ``--help`` looks: one line a command, arguments by name, examples that can be copied, and where to read more."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

DOCS = "docs/"
"""Pages of the documentation, relative to the repository."""


class HelpfulCommand(TyperCommand):
    """A command whose help ends with examples and a page of the documentation.

    Attributes:
        examples: command lines.
        page: a file in ``docs/``, with an anchor or without.
    """

    examples: tuple[str, ...] = ()
    page = ""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """``PIPELINE``, or ``[PIPELINE ...]`` for several or none."""
        return [_readable(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments by name, then options."""
        records = [(param, param.get_help_record(ctx)) for param in self.get_params(ctx)]
        arguments = [
            (_readable(param.metavar or param.name or "").strip("[]").removesuffix(" ..."), record[1])
            for param, record in records
            if record is not None and param.param_type_name == "argument"
        ]
        options = [record for param, record in records if record is not None and param.param_type_name == "option"]
        for title, found in (("Arguments", arguments), ("Options", options)):
            if found:
                with formatter.section(title):
                    formatter.write_dl(found)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_examples(formatter, self.examples, self.page)


class HelpfulGroup(TyperGroup):
    """The commands in their order, and how to begin."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_examples(
            formatter, ("outfold demo digits", "outfold --root digits download", "outfold train --help"), "fork.md"
        )


def write_examples(formatter: Any, examples: tuple[str, ...], page: str) -> None:
    """Lines as they are: a command that is broken in two cannot be copied."""
    if examples:
        with formatter.section("Examples" if len(examples) > 1 else "Example"):
            for line in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
    if page:
        formatter.write_paragraph()
        formatter.write(f"More: {DOCS}{page}\n")


def _readable(piece: str) -> str:
    """A piece of a usage line, in whatever brackets the version of Typer puts it."""
    name = re.sub(r"[\[\]{}.]", "", piece)
    if name == "OPTIONS" or not re.fullmatch(r"[A-Z]+", name):
        return piece
    several = "..." in piece
    optional = piece.startswith("[") or several
    return f"[{name}{' ...' if several else ''}]" if optional else name
