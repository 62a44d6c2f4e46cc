"""Builds the extension in `worker/speedups`, where there is a C compiler; all else is said in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

FOLDER = Path("worker/speedups")

setup(
    ext_modules=[
        Extension(
            "worker.speedups._speedups",
            sources=sorted(map(str, FOLDER.glob("*.c"))),
            depends=sorted(map(str, FOLDER.glob("*.h"))),
            extra_compile_args=["-O3", "-fvisibility=hidden"],
            optional=True,  # no compiler, no headers of Python: the worker does without, at a higher price in CPU
        )
    ]
)
