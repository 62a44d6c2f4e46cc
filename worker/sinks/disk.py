"""Which errors of a file system pass: takes an `OSError`, says whether waiting or an operator may mend it.

A full disk passes, a missing permission does not: the first is worth waiting for at the start, the second is a setting.
"""

from __future__ import annotations

import errno
from typing import Final

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
