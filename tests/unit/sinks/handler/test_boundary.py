"""The boundary around your code: whatever it raises, cancels or never ends, its caller goes on and somebody is told."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from worker.cancellation import guarded_task
from worker.errors import BatchFailed, CallHangs, SinkStuck
from worker.facts import CallHung, HungCallEnded
from worker.outcome import Retried
from worker.sinks.handler import call, inside
from worker.sinks.handler.sink import HandlerSink
from worker.testing.messages import make_message, make_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.facts import Fact
    from worker.message import Message

MODULE = "module_of_the_boundary_tests"
LIMIT_SECONDS = 1.5
"""Of calls that hang: far longer than a busy machine takes to begin a call in a thread."""


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """An importable module for the test to put its function into."""
    module = ModuleType(MODULE)
    sys.modules[MODULE] = module
    yield module
    del sys.modules[MODULE]


@pytest.fixture(autouse=True)
def _little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "GRACE_SECONDS", 0.01)
    monkeypatch.setattr(call, "LEAVING_SECONDS", 0.01)


async def open_sink(
    module: ModuleType,
    function: Callable[..., object],
    *,
    facts: list[Fact] | None = None,
    seconds: float = 60.0,
    concurrency: int = 2,
) -> HandlerSink:
    """A sink for *function* on a loop whose tasks are guarded, as the worker's is."""
    asyncio.get_running_loop().set_task_factory(guarded_task)
    setattr(module, "function", function)  # noqa: B010 - a module has no such attribute for mypy
    heard: list[Fact] = [] if facts is None else facts
    sink = HandlerSink(
        f"{MODULE}.function",
        timeout_seconds=seconds,
        concurrency=concurrency,
        emit=heard.append,
        pipeline="orders",
    )
    await sink.open()
    return sink


async def until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*."""
    while not condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.001)


class PanicException(BaseException):
    """As extensions written in Rust raise one: no Exception."""


class Speechless(Exception):
    """Raises when its text is read."""

    def __str__(self) -> str:
        raise KeyboardInterrupt


class Untraceable(Exception):
    """Raises whenever it is looked at."""

    @property
    def __traceback__(self) -> None:  # type: ignore[override] # the point
        raise SystemExit(4)

    def __repr__(self) -> str:
        raise SystemExit(4)

    __str__ = __repr__


class OwnCancelledError(asyncio.CancelledError):
    """A library's own kind."""


RAISED = [
    PanicException("called `Option::unwrap()` on a `None` value"),
    Speechless(),
    OwnCancelledError(),
    GeneratorExit(),
    KeyboardInterrupt(),
    SystemExit(1),
    StopAsyncIteration(),
    MemoryError(),
    ExceptionGroup("several", [ValueError("one"), ValueError("two")]),
    BaseExceptionGroup("several", [SystemExit(1)]),
    ValueError("x" * 10_000_000),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("plain", [False, True])
async def test_whatever_is_raised_is_a_retry_named_after_its_class(
    module: ModuleType, error: BaseException, *, plain: bool
) -> None:
    """Of every class, in the loop and in a thread; and the next call works."""

    async def coroutine(message: Message) -> None:
        if message.key == "bad":
            raise error

    def function(message: Message) -> None:
        if message.key == "bad":
            raise error

    sink = await open_sink(module, function if plain else coroutine)
    (answer,) = await sink.write([make_message("bad")])
    assert isinstance(answer, Retried)
    assert answer.reason == type(error).__name__
    assert len(answer.detail) <= 200
    assert list(await sink.write([make_message()])) == [None]
    await sink.close()


@pytest.mark.parametrize("plain", [False, True])
async def test_an_exception_that_raises_when_it_is_looked_at_is_a_retry(module: ModuleType, *, plain: bool) -> None:
    """By whatever reads it: its text, its way through your code, its class."""

    async def coroutine(_message: Message) -> None:
        raise Untraceable

    def function(_message: Message) -> None:
        raise Untraceable

    sink = await open_sink(module, function if plain else coroutine)
    for _ in range(2):
        assert [a.reason for a in await sink.write([make_message()]) if a] == ["unreadable"]
        await asyncio.sleep(0)  # what is told from a thread is told in the loop
    await sink.close()


async def cancels_itself_later(_: Message) -> None:
    """A time limit made by hand."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(0.001, task.cancel)
    await asyncio.Event().wait()


async def cancels_itself_now(_: Message) -> None:
    """And waits once more."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


async def cancels_every_task(_: Message) -> None:
    """A helper that tidies up whatever it finds."""
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(1)


async def cancels_twice(_: Message) -> None:
    """Swallows one of two."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        task.cancel()
    await asyncio.sleep(1)


async def scope_that_goes_wrong(_: Message) -> None:
    """A timeout whose error is lost on the way."""
    try:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
    finally:
        raise asyncio.CancelledError


CANCELS = [cancels_itself_later, cancels_itself_now, cancels_every_task, cancels_twice, scope_that_goes_wrong]


@pytest.mark.parametrize("cancels", CANCELS, ids=lambda function: function.__name__)
def test_a_call_that_cancels_has_cancelled_itself_alone(
    module: ModuleType, cancels: Callable[[Message], object]
) -> None:
    """Who wrote gets an answer and is not cancelled, nor is anything else; another call is left alone."""

    async def main() -> None:
        go = asyncio.Event()

        async def function(message: Message) -> object:
            if message.key == "patient":
                await go.wait()
                return None
            return await cancels(message)  # type: ignore[misc] # coroutines, all of them

        sink = await open_sink(module, function, concurrency=3)

        async def stage() -> None:
            task = asyncio.current_task()
            assert task is not None
            for _ in range(5):
                (answer,) = await sink.write([make_message()])
                assert isinstance(answer, Retried)
                assert answer.reason == "CancelledError"
                assert not task.cancelling()

        async with asyncio.TaskGroup() as group:
            patient = group.create_task(sink.write([make_message("patient")]))
            await group.create_task(stage())
            go.set()
        assert list(patient.result()) == [None]
        await sink.close()

    def factory() -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_task_factory(guarded_task)
        return loop

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


@pytest.mark.parametrize("left_over", [True, False])
async def test_a_swallowed_cancellation_is_nobodys_business(module: ModuleType, *, left_over: bool) -> None:
    """A function that returned is done, whatever it leaves behind in its own task."""

    async def function(_message: Message) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if not left_over:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                return

    sink = await open_sink(module, function)
    for _ in range(3):
        assert list(await sink.write([make_message()])) == [None]
    await sink.close()


@pytest.mark.parametrize("own", [False, True], ids=["our-limit", "its-own"])
async def test_who_waits_for_all_tasks_does_not_take_them_along(module: ModuleType, *, own: bool) -> None:
    """Cancelling a call passes on to what it gathers; tasks of the worker stay, and the call ends all the same."""

    async def function(_message: Message) -> None:
        async with asyncio.timeout(0.01 if own else None):
            await asyncio.gather(of_ours, asyncio.create_task(asyncio.sleep(60)))

    facts: list[Any] = []
    sink = await open_sink(module, function, facts=facts, seconds=60.0 if own else 0.05)
    of_ours = asyncio.get_running_loop().create_task(asyncio.sleep(60))
    answers = await sink.write([make_message()])
    assert [answer.reason for answer in answers if answer] == ["TimeoutError" if own else "timeout"]
    assert not of_ours.done()
    assert not [fact for fact in facts if isinstance(fact, CallHung)]
    of_ours.cancel()
    await sink.close()


@pytest.mark.parametrize("plain", [False, True])
async def test_an_error_is_told_when_it_is_no_longer_being_handled(module: ModuleType, *, plain: bool) -> None:
    """With a long chain of causes each error inside of Python would walk along all of it: the loop stood for 14 s."""

    async def coroutine(_message: Message) -> None:
        raise ValueError

    def function(_message: Message) -> None:
        raise ValueError

    sink = await open_sink(module, function if plain else coroutine)
    handled: list[BaseException | None] = []
    sink._failing._emit = lambda _: handled.append(sys.exception())
    await sink.write([make_message()])
    await until(lambda: bool(handled))
    assert handled == [None]
    await sink.close()


async def test_a_call_that_ends_without_a_word_is_a_retry_at_once(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is around your code may fail as well (the lines about it, for one): nobody waits for the limit then."""

    async def function(_message: Message) -> None:
        """Done."""

    sink = await open_sink(module, function)

    def fails(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr(inside, "bind", fails)
    assert [a.reason for a in await sink.write([make_message()]) if a] == ["LookupError"]
    await sink.close()


async def test_each_call_has_context_variables_of_its_own(module: ModuleType) -> None:
    """What one message's call sets, the next one does not see; what is set around both, both see."""
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    async def function(_message: Message) -> None:
        seen.append(variable.get())
        variable.set("of a call")

    sink = await open_sink(module, function)
    variable.set("around")
    for _ in range(2):
        await sink.write([make_message()])
    assert seen == ["around", "around"]
    await sink.close()


async def test_answers_that_raise_when_they_are_read_are_the_functions_fault(module: ModuleType) -> None:
    """A list of its own making is read inside the boundary."""

    class Hostile(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            raise PanicException

    async def handle_batch(_messages: Sequence[Message]) -> object:
        return Hostile([None, None])

    sink = await open_sink(module, handle_batch)
    with pytest.raises(BatchFailed, match="PanicException"):
        await sink.write(make_messages(2))
    await sink.close()


RAISED_INTO = """
import asyncio, ctypes, threading
from worker.sinks.threads import Threads

async def main():
    threads = Threads(1, name="handler")
    await threads.run(int)
    (thread,) = [one for one in threading.enumerate() if one.name == "handler-0"]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    print([await threads.run(int) for _ in range(3)], thread.is_alive())

asyncio.run(main())
"""


def test_an_exception_into_a_thread_does_not_end_it() -> None:
    """Some libraries raise into other threads; the thread that is hit while it is idle takes the next call.

    In a process of its own: what is traced line by line while such an exception waits may never go on in Python 3.11.
    """
    command = [sys.executable, "-c", RAISED_INTO]
    root = str(Path(__file__).parents[4])
    told = subprocess.run(command, env={"PYTHONPATH": root}, capture_output=True, text=True, timeout=60, check=False)
    assert (told.stdout, told.stderr) == ("[0, 0, 0] True\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say which threads live")
async def test_a_thread_that_native_code_ends_is_replaced(module: ModuleType) -> None:
    """Its call is a retry, not one that hangs for ever, and its place is taken by another thread."""
    import ctypes  # noqa: PLC0415 - the only way there is

    facts: list[Fact] = []

    def function(message: Message) -> None:
        if message.key == "bad":
            ctypes.CDLL(None).pthread_exit(None)

    sink = await open_sink(module, function, facts=facts, seconds=LIMIT_SECONDS, concurrency=1)
    for _ in range(2):
        assert [a.reason for a in await sink.write([make_message("bad")]) if a] == ["thread-died"]
        assert list(await sink.write([make_message()])) == [None]
    assert not facts
    await sink.close()


def never_ends(gate: threading.Event) -> list[Callable[..., object]]:
    """A plain function and a coroutine that hang for messages called so, until *gate* opens."""

    def plain(message: Message) -> None:
        if message.key.startswith("hang"):
            gate.wait(60)

    async def coroutine(message: Message) -> None:
        while message.key.startswith("hang") and not gate.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue

    return [plain, coroutine]


@pytest.mark.parametrize("kind", [0, 1], ids=["plain", "coroutine"])
async def test_a_call_that_hangs_is_told_and_its_message_not_begun_beside_it(module: ModuleType, kind: int) -> None:
    """It keeps its place; its message is to be kept until it ends, as a timeout; then all is as before."""
    gate, facts, calls = threading.Event(), list[Any](), list[str]()
    inner = never_ends(gate)[kind]

    def plain(message: Message) -> object:
        calls.append(message.key)
        return inner(message)

    async def coroutine(message: Message) -> None:
        calls.append(message.key)
        await inner(message)  # type: ignore[misc] # a coroutine here

    sink = await open_sink(module, [plain, coroutine][kind], facts=facts, seconds=LIMIT_SECONDS)
    with pytest.raises(CallHangs) as first:
        await sink.write([make_message("hang")])
    with pytest.raises(CallHangs) as again:
        await sink.write([make_message("hang")])
    assert [str(hangs.value.then) for hangs in (first, again)] == [
        f"timeout: not done within {LIMIT_SECONDS:g} s",
        "None",
    ]
    assert [hangs.value.goes_on() for hangs in (first, again)] == [True, True]
    assert list(await sink.write([make_message("fine")])) == [None]
    assert calls == ["hang", "fine"]
    (hung,) = facts
    assert isinstance(hung, CallHung)
    assert (hung.function, hung.message_id, hung.hanging, hung.slots) == (f"{MODULE}.function", "id-of-hang", 1, 2)
    gate.set()
    await until(lambda: len(facts) == 2)
    assert isinstance(facts[1], HungCallEnded)
    assert facts[1].hanging == 0
    assert [hangs.value.goes_on() for hangs in (first, again)] == [False, False]
    assert list(await sink.write([make_message("hang")])) == [None]
    await sink.close()


@pytest.mark.parametrize("kind", [0, 1], ids=["plain", "coroutine"])
async def test_without_a_free_place_nothing_is_called_and_no_message_pays(module: ModuleType, kind: int) -> None:
    """All places kept by calls that hang: the sink is stuck, which is not away; it goes on when one of them ends."""
    gate = threading.Event()
    sink = await open_sink(module, never_ends(gate)[kind], seconds=LIMIT_SECONDS)
    for number in range(2):
        with pytest.raises(CallHangs):
            await sink.write([make_message(f"hang-{number}")])
    with pytest.raises(SinkStuck, match="2 of 2 calls are over their limit"):
        await sink.write([make_message("fine")])
    gate.set()
    for _ in range(5):
        assert list(await sink.write([make_message("fine")])) == [None]
    await sink.close()


async def test_a_batch_with_messages_whose_call_hangs_is_to_be_taken_apart(module: ModuleType) -> None:
    """Nothing of it is begun; those of the hanging call alone are kept."""
    gate, batches = threading.Event(), list[list[str]]()

    def handle_batch(messages: Sequence[Message]) -> None:
        batches.append([message.key for message in messages])
        if messages[0].key == "hang":
            gate.wait(60)

    sink = await open_sink(module, handle_batch, seconds=LIMIT_SECONDS)
    hang, also, other = make_message("hang"), make_message("also"), make_message("other")
    with pytest.raises(CallHangs):
        await sink.write([hang, also])
    for records, mixed in (([other, hang], True), ([hang], False), ([also, hang], False)):
        with pytest.raises(CallHangs) as hangs:
            await sink.write(records)
        assert hangs.value.mixed is mixed
    assert list(await sink.write([other])) == [None]
    assert batches == [["hang", "also"], ["other"]]
    gate.set()
    await sink.close()


async def test_a_drain_does_not_wait_for_a_call_that_ignores_it(module: ModuleType) -> None:
    """The worker's own cancellation passes through after a moment, and the call is known to hang."""
    gate, facts = threading.Event(), list[Any]()
    sink = await open_sink(module, never_ends(gate)[1], facts=facts)
    writing = asyncio.get_running_loop().create_task(sink.write([make_message("hang")]))
    await asyncio.sleep(0.01)
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert [type(fact) for fact in facts] == [CallHung]
    gate.set()
    await until(lambda: len(facts) == 2)
    await sink.close()
