"""The demonstration: a loopback, realistic orders, a real `worker run --drain`, and an account that must be exact.

    orders → produce → (loopback) → drain → account

`run_demo` is the whole of it; each step is a file.
"""

from __future__ import annotations

from worker.demo.demo import run_demo

__all__ = ["run_demo"]
