"""The extension touches no memory but its own, keeps none, and is missed by nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Final

import pytest

from tests.unit.speedups.spelled import EVERYTHING, answered, document, message, of_messages
from worker import speedups

ROOT: Final = Path(__file__).parents[3]
SANITIZED: Final = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1"


def ran(*arguments: str, **environment: str) -> str:
    """What Python prints, started in the checkout."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_no_answer_makes_it_read_or_write_beyond_its_memory(tmp_path: Path) -> None:
    """Built with sanitizers, which end the process at the first such step, and fed twelve thousand answers.

    Each is fed whole, spoiled and cut off.
    """
    folders = ("--build-lib", str(tmp_path), "--build-temp", str(tmp_path / "objects"))
    ran(
        "setup.py",
        "--quiet",
        "build_ext",
        "--force",
        *folders,
        CFLAGS=SANITIZED,
        LDFLAGS="-fsanitize=address,undefined",
    )
    (built,) = tmp_path.rglob("_speedups*.so")
    runtime = subprocess.check_output(["gcc", "-print-file-name=libasan.so"], text=True).strip()
    read = ran(
        str(Path(__file__).parent / "torment.py"),
        str(built),
        "11",
        LD_PRELOAD=runtime,
        ASAN_OPTIONS="detect_leaks=0",  # the interpreter frees not everything when it ends
        PYTHONMALLOC="malloc",  # each object in a block of its own, watched on both sides
    )
    assert int(read) > 10_000


def test_it_keeps_nothing() -> None:
    """After thousands of answers of each end no memory is left behind."""
    cut = document(["x" * 100] * 9 + ["\x01"])
    whole = of_messages([message("{}", **EVERYTHING)] * 10)
    assert speedups.deliveries(whole, 1.0, 2.0) is not None
    answers = {
        "deliveries": document(['a"b'] * 10),
        "none of them": cut,
        "no Unicode": document(["x", "y"]).replace(b'"y"', b'"\xff"'),
        "all that a message may have": whole,
        "no Unicode in a name": whole.replace(b"kind", b"ki\xffd"),
    }
    some = speedups.deliveries(document(["x" * 100] * 10), 1.0, 2.0)
    assert some is not None
    for name, answer in answers.items():
        speedups.deliveries(answer, 1.0, 2.0)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(2_000):
                speedups.deliveries(answer, 1.0, 2.0)
                speedups.answer(answered(answer))
                speedups.answer(answered(answer) + b"y")
                made = speedups.messages(some, [{}] * 10, -1.0)
                assert made is not None
                assert speedups.values(made, (0, 2), (7, 8)) is not None
                assert speedups.deletion(b"x" * 100, some) is not None
            assert tracemalloc.get_traced_memory()[0] - before < 20_000, name
        finally:
            tracemalloc.stop()


def test_without_it_everything_takes_the_way_in_python() -> None:
    """As where no compiler was at hand: the same program, one module less."""
    program = (
        "import sys; sys.modules['worker.speedups._speedups'] = None\n"
        "from worker import speedups; from worker.sqs.open import HOW; from worker.codecs.json.codec import JsonCodec\n"
        "print(speedups.BUILT, speedups.answer(b''), speedups.deliveries(b'', 0, 0), speedups.harmless('', 1, 1, 1))\n"
        "print(speedups.messages([], [], 0), speedups.values([], (0,), (1,)), speedups.deletion(b'', []))\n"
        "print(JsonCodec().decode('{}'), HOW)"
    )
    said = ran("-c", program)
    assert said.splitlines()[0] == "False None None False"
    assert "its extension in C was not built" in said
    assert said.splitlines()[1] == "None None None"
    assert said.splitlines()[2].startswith("{}")


def test_the_demonstration_is_exact_without_it(tmp_path: Path) -> None:
    """All of its processes without the extension: every message still becomes a row, by the native path."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['worker.speedups._speedups'] = None\n")
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    told = json.loads(ran("-m", "worker", "demo", "--messages", "3000", "--json", PYTHONPATH=path))
    assert (told["sent"], told["rows"], told["lost"], told["duplicates"]) == (3_000, 3_000, 0, 0)
