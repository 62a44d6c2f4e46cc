"""Which errors of a file system pass: takes an `OSError`, says whether waiting or an operator may mend it.

A full disk passes, a missing permission does not: the first is worth waiting for at the start, the second is a setting.
And whether a file could be made, without making it.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_PASSING: Final = frozenset(
    {
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EINTR,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)


def may_pass(error: OSError) -> bool:
    """True: the same call may work later without a change of settings."""
    return error.errno in _PASSING


def prove_creatable(path: Path) -> None:
    """Return when a file could be made at *path*; nothing is made.

    Raises:
        OSError: its directory is missing, or not this user's to write to.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))
