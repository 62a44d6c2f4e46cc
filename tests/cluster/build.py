"""Builds the control plane from its Go modules, once for each state of `go/`: the result is kept outside the tree.

`python -m tests.cluster.build` prints where it is. The first time takes twelve minutes of CPU and 2 GB of Go's own
caches; a fresh clone on the same machine finds it ready. GOFLAGS=-p=1 and `nice` make it a quiet neighbour.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent / "go"
NAMES: Final = ("go.mod", "go.sum", "main.go")


def cache() -> Path:
    """Where builds are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sqs-worker-daemon"


def version() -> str:
    """Of the Kubernetes that is built, such as v1.37.2."""
    found: list[str] = re.findall(r"k8s\.io/kubernetes (v\S+)", (SOURCE / "go.mod").read_text())
    return found[0]


def build() -> Path:
    """The binary, built if it is not there yet.

    Raises:
        subprocess.CalledProcessError: Go says why.
    """
    state = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in NAMES)).hexdigest()[:16]
    binary = cache() / f"control-plane-{state}"
    if not binary.exists():
        sys.stderr.write(f"building the control plane of Kubernetes {version()}, once: some minutes\n")
        cache().mkdir(parents=True, exist_ok=True)
        unfinished = binary.with_suffix(f".{os.getpid()}")
        # Without its version the server could not tell which of its own features are on.
        stamp = f"-s -w -X k8s.io/component-base/version.gitVersion={version()}"
        command = ["go", "build", "-trimpath", "-buildvcs=false", f"-ldflags={stamp}", "-o", str(unfinished), "."]
        subprocess.run(command, cwd=SOURCE, check=True)
        unfinished.rename(binary)
        for old in cache().glob("control-plane-*"):
            if old != binary and not old.suffix:
                old.unlink()
    return binary


def main() -> None:
    """Build, and print where."""
    if shutil.which("go") is None:
        sys.exit("no Go here: the control plane is built with Go 1.26, or an older one that fetches it (GOTOOLCHAIN)")
    sys.stdout.write(f"{build()}\n")


if __name__ == "__main__":
    main()
