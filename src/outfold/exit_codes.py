"""How a command ends: 0 well, 2 what the user can mend, 1 a bug, 130 and 143 stopped; each told in words."""

from __future__ import annotations

import errno
import os
import re
import shlex
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outfold.errors import OutfoldError, bounded

PARENT = "OUTFOLD_PARENT"
"""Environment variable that holds the parent's process ID for worker processes."""
USER_ERROR, BUG, INTERRUPTED, TERMINATED = 2, 1, 130, 143


class _Terminated(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C."""


def stop_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does, with an exit code of its own."""
    signal.signal(signal.SIGTERM, _raise)


def end_with_parent() -> None:
    """Make a rank of a distributed run exit within a second of its parent's end.

    The first thing that a process does: later, a parent that was killed cannot be told from one that never was.
    """
    parent = os.environ.get(PARENT, str(os.getppid()))
    if "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1" and parent.isdigit():
        threading.Thread(target=_end_after, args=(int(parent),), daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(BUG)


def _raise(*_: Any) -> None:
    raise _Terminated


def exit_code(run: Callable[[], Any], debug: bool = False, root: Path | None = None) -> int:
    """Run a command; print its error on stderr.

    Args:
        debug: print the traceback, too.
        root: the contest's folder. Commands that an error suggests get it as ``--root``, to work as they are printed.

    Returns:
        the exit code of the process.
    """
    try:
        run()
    except KeyboardInterrupt as stop:
        say("stopped: what was finished is kept, and a fold goes on from its last epoch")
        say(f"  Run `{shlex.join(['outfold', *sys.argv[1:]])}` to go on.")
        return TERMINATED if isinstance(stop, _Terminated) else INTERRUPTED
    except OutfoldError as error:
        if debug:
            say(traceback.format_exc().rstrip())
        say(f"error: {with_root(str(error), root)}")
        return USER_ERROR
    except BrokenPipeError:
        # the reader of a pipe went away (`outfold config | head`): that is no error, and nothing more can be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _system_error(error, debug)
    except Exception as error:
        return _bug(error, debug)
    return 0


def with_root(text: str, root: Path | None) -> str:
    """The text, its commands in backticks with the contest's folder where they name none."""
    if root is None or root == Path():
        return text
    return re.sub(r"`outfold (?=[a-z])", lambda _: f"`outfold --root {shlex.quote(str(root))} ", text)


def _system_error(error: OSError, debug: bool) -> int:
    """No space, no permission: what the user can mend, whichever library met it."""
    remedies = {
        errno.ENOSPC: "Free some space and run the same command again: it goes on where it stopped.",
        errno.EDQUOT: "Free some of your disk quota and run the same command again: it goes on where it stopped.",
        errno.EACCES: "Give yourself the permission, or choose another folder with --root.",
        errno.EROFS: "The file system is read-only: choose another folder with --root.",
    }
    remedy = remedies.get(error.errno or 0)
    if remedy is None:
        return _bug(error, debug)
    if debug:
        say(traceback.format_exc().rstrip())
    say(f"error: {error.filename or 'a file'}: {error.strerror}\n  {remedy}")
    return USER_ERROR


def _bug(error: Exception, debug: bool) -> int:
    if debug:
        say(traceback.format_exc().rstrip())
    else:
        from outfold.redaction import redact

        # before it is cut: half a secret would not be recognised
        say(bounded(redact(f"internal error: {type(error).__name__}: {error}")))
        say("  This is a bug in outfold. Run again with --debug and report what it prints.")
    return BUG


def say(text: str) -> None:
    """Print on stderr; what comes after ``error:`` in red where a person reads it on a terminal."""
    # imported here, so that --help starts fast
    from outfold.plain_text import printable
    from outfold.redaction import redact

    text = printable(redact(text))
    if not (text.startswith(("error:", "internal error:", "Error:")) and sys.stderr.isatty()):
        print(text, file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.text import Text

    # Rich respects NO_COLOR and TERM=dumb; the terminal breaks the lines, so that commands can be copied
    first, _, rest = text.partition("\n")
    console = Console(stderr=True, highlight=False, emoji=False)
    console.print(Text(first, style="bold red"), soft_wrap=True)
    if rest:
        console.print(Text(rest), soft_wrap=True)
