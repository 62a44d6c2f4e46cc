"""The questions of a full run: each a function from a plan to a `Section`, and the table of all.

They share nothing but the facts that earlier ones found: half of the rate is taken from the peers' section if it ran.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.certificate import certificate
from bench.contestants import (
    OUR_PYTHON,
    PEERS,
    PEERS_ALL,
    PEERS_PYTHON,
    ROOT,
    Contestant,
    floor,
    ourselves,
    quicker_transport,
)
from bench.latency import latency
from bench.load import Load
from bench.memory import memory
from bench.profile import profile
from bench.programs import CREDENTIALS
from bench.results import COLUMNS, Section, Table, cells, notes_of
from bench.rounds import Entry, play
from bench.server import server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.drain import Figures
    from bench.plan import Plan
    from bench.rounds import Result

    Say = Callable[[str], None]
    Facts = Mapping[str, float]

KIB: Final = 1024
BODIES: Final = (100, 500, 2 * KIB, 16 * KIB, 128 * KIB)
CELERY_BODIES: Final = 5_000
FAR_SECONDS: Final = 0.04


def peers(plan: Plan, _: Facts, say: Say) -> Section:
    """Everybody, at the same messages."""
    ours = [ourselves(transport, sink) for transport in ("native", "sdk") for sink in ("sqlite", "discard")]
    ours += [floor("sqlite"), floor("discard")]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        load = Load(plan.waiting)
        theirs = [Entry(one, _load_for(one, load, Path(folder)), plan.window) for one in PEERS_ALL]
        results = play([*(Entry(one, load, plan.window) for one in ours), *theirs], plan.rounds, say)
    theirs_ran = [one for one in results if one.ran and not one.entry.contestant.ours]
    best = min((one.middle(_cpu) for one in theirs_ran), default=None)
    rows = [(one.name, *cells(one), f"{best / one.middle(_cpu):.1f}" if best else "-") for one in results if one.ran]
    text = (
        f"JSON bodies of {Load().body_bytes} bytes, {plan.waiting:,} waiting, receives and deletes of ten. Peers "
        "receive, parse and delete, and write nothing. *Against the best peer*: how many times our CPU the best peer "
        "takes. The *floor* is neither: it says what Python, sockets and SQLite cost before any promise is kept."
    )
    table = Table(("contestant", *COLUMNS, "against the best peer"), rows)
    told = [one for one in results if one.ran and one.entry.contestant.how != "defaults"]
    set_up = tuple(f"{one.name}: {one.entry.contestant.how}." for one in told)
    return Section("Peers", text, table, (*set_up, *notes_of(results)), _facts_of_peers(results, best))


def _load_for(one: Contestant, load: Load, folder: Path) -> Load:
    """Celery is given its own envelopes, made by itself; if it is not there the rounds will say so."""
    if not one.celery or one.missing() is not None:
        return load
    file = folder / "celery.json"
    environment = {"QUEUE_URL": "http://127.0.0.1/0/bench", "ENDPOINT_URL": "http://127.0.0.1", **CREDENTIALS}
    command = [str(PEERS_PYTHON), str(PEERS / "celery_worker.py"), "--messages", str(file), str(CELERY_BODIES)]
    subprocess.run([*command, str(load.body_bytes)], env=environment, check=True, cwd=folder)
    return replace(load, waiting=min(load.waiting, 40_000), bodies=str(file))


def _facts_of_peers(results: Sequence[Result], best: float | None) -> dict[str, float]:
    ran = {one.name: one for one in results if one.ran}
    facts = {f"chart.cpu.{name}": one.middle(_cpu) for name, one in ran.items()}
    facts |= {f"chart.rate.{name}": one.middle(lambda run: run.rate) for name, one in ran.items()}
    transport = quicker_transport()
    into_sqlite, into_nothing = ran.get(f"worker, {transport}, sqlite"), ran.get(f"worker, {transport}, discard")
    if into_nothing is not None:
        facts["rate.discard"] = into_nothing.middle(lambda run: run.rate)
    if into_sqlite is None:
        return facts
    facts |= facts_of(into_sqlite)
    if best is not None:
        facts["ratio.best"] = best / facts["cpu.sqlite"]
    if "sqs-consumer" in ran:
        facts["ratio.sqs-consumer"] = ran["sqs-consumer"].middle(_cpu) / facts["cpu.sqlite"]
    return facts


def facts_of(result: Result) -> dict[str, float]:
    """What the targets ask of the row of ourselves into SQLite."""
    return {
        "cpu.sqlite": result.middle(_cpu),
        "rate.sqlite": result.middle(lambda run: run.rate),
        "requests.sqlite": result.middle(lambda run: run.requests_per_message),
        "peak.sqlite": result.middle(lambda run: run.peak_bytes) / 2**20,
    }


def _cpu(run: Figures) -> float:
    return run.cpu_microseconds


def bodies(plan: Plan, _: Facts, say: Say) -> Section:
    """The cost of a message by its size."""
    entries = [
        Entry(
            ourselves(quicker_transport()).named(_bytes(size)),
            Load(min(plan.waiting_of_others, plan.body_bytes // size), body_bytes=size),
            plan.short_window,
        )
        for size in BODIES
    ]
    text = "Into SQLite, defaults."
    return _compared("Body size", "body", text, play(entries, plan.rounds_of_others, say))


def depth(plan: Plan, _: Facts, say: Say) -> Section:
    """The cost of a message by how many wait."""
    entries = [
        Entry(ourselves(quicker_transport()).named(f"{waiting:,}"), Load(waiting, held=True), plan.short_window)
        for waiting in plan.depths
    ]
    text = "Into SQLite, defaults. The loopback sends as many as are received, so that the depth stays."
    return _compared("Depth", "waiting", text, play(entries, plan.rounds_of_others, say))


def sinks(plan: Plan, _: Facts, say: Say) -> Section:
    """Codecs and sinks."""
    transport = quicker_transport()
    pairs = (("json", "sqlite"), ("text", "sqlite"), ("json", "ndjson"), ("json", "discard"))
    ours = [ourselves(transport, sink, CODEC=codec).named(f"{codec}, {sink}") for codec, sink in pairs]
    entries = [Entry(one, Load(plan.waiting_of_others), plan.short_window) for one in ours]
    return _compared("Codecs and sinks", "codec, sink", "Defaults.", play(entries, plan.rounds_of_others, say))


def far(plan: Plan, _: Facts, say: Say) -> Section:
    """Every call takes 40 ms longer."""
    load = Load(plan.waiting_of_others, latency_seconds=FAR_SECONDS)
    ours = [ourselves(transport) for transport in ("native", "sdk")]
    results = play([Entry(one, load, plan.window) for one in ours], plan.rounds_of_others, say)
    text = f"The loopback waits {FAR_SECONDS * 1000:.0f} ms before it does what it is asked. Settings: the defaults."
    section = _compared("Far away", "contestant", text, results)
    found = {one.name: one.middle(lambda run: run.rate) for one in results if one.ran}
    name = f"worker, {quicker_transport()}, sqlite"
    return replace(section, facts={"rate.far": found[name]} if name in found else {})


def tls(plan: Plan, _: Facts, say: Say) -> Section:
    """The same over https."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        files = certificate(Path(folder))
        load = Load(plan.waiting_of_others, tls=(str(files[0]), str(files[1])))
        ours = [ourselves(transport) for transport in ("native", "sdk")]
        results = play([Entry(one, load, plan.short_window) for one in ours], plan.rounds_of_others, say)
    text = (
        "The loopback speaks TLS 1.3 with a certificate that is trusted by `AWS_CA_BUNDLE`; every peer would pay too."
    )
    return _compared("TLS", "contestant", text, results)


def processes(plan: Plan, _: Facts, say: Say) -> Section:
    """One process and two."""
    ours = ourselves(quicker_transport())
    both = [
        ours.named("1 process"),
        replace(ours.named("2 processes", WORKER_PROCESSES="2"), every_core=True),
    ]
    entries = [Entry(one, Load(plan.waiting_of_others), plan.short_window) for one in both]
    text = "Two processes are given every core, the loopback's too, which on two cores is shared with it."
    return _compared("Processes", "contestant", text, play(entries, plan.rounds_of_others, say))


def _compared(title: str, first: str, text: str, results: Sequence[Result]) -> Section:
    rows = [(one.name, *cells(one)) for one in results if one.ran]
    return Section(title, text, Table((first, *COLUMNS), rows), notes_of(results))


def _bytes(size: int) -> str:
    return f"{size} B" if size < KIB else f"{size // KIB} KiB"


SECTIONS: Final[Mapping[str, Callable[[Plan, Facts, Say], Section]]] = {
    "peers": peers,
    "latency": latency,
    "far": far,
    "tls": tls,
    "processes": processes,
    "bodies": bodies,
    "depth": depth,
    "sinks": sinks,
    "profile": profile,
    "memory": memory,
    "loopback": server,
}


def versions() -> str:
    """Of those who were measured, in one line."""
    lock = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    pins = (PEERS.parent / "requirements.txt").read_text()
    found = [re.search(rf"^{name}==(\S+)", pins, re.MULTILINE) for name in ("aiobotocore", "boto3", "celery")]
    texts = [one[0].replace("==", " ") for one in found if one is not None]
    node = shutil.which("node")
    said = (
        "not here"
        if node is None
        else subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    )
    return ", ".join(
        [*texts, f"sqs-consumer {lock['node_modules/sqs-consumer']['version']}", f"Node {said.strip()}", _our_python()]
    )


def _our_python() -> str:
    """With its build: the optimization it had is worth an eighth of the CPU."""
    asked = "import platform, sys; print('Python', sys.version.partition(' (')[0], ' '.join(platform.python_build()))"
    said = subprocess.run([OUR_PYTHON, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    return f"{said} at {OUR_PYTHON.replace(str(ROOT), '.')}"
