"""Your function as a sink: what it may return, raise, and do wrong."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
import threading
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from worker.errors import BatchFailed, SinkRefused, SinkUnavailable
from worker.outcome import DONE, Reject, Rejected, Released, Retried, Retry
from worker.sinks.handler.sink import HandlerSink
from worker.testing.messages import make_message, make_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from worker.message import Message

MODULE = "module_of_the_handler_tests"


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """An importable module for the test to put its function into."""
    module = ModuleType(MODULE)
    sys.modules[MODULE] = module
    yield module
    del sys.modules[MODULE]


async def open_sink(
    module: ModuleType, function: Callable[..., object], *, seconds: float = 60.0, concurrency: int = 2
) -> HandlerSink:
    """A sink for *function*, opened by its dotted path."""
    setattr(module, "function", function)  # noqa: B010 - a module has no such attribute for mypy
    sink = HandlerSink(f"{MODULE}.function", timeout_seconds=seconds, concurrency=concurrency)
    await sink.open()
    return sink


def raising(error: BaseException) -> list[Callable[..., object]]:
    """A coroutine and a plain function that raise *error*."""

    async def coroutine(_message: Message) -> None:
        raise error

    def plain(_message: Message) -> None:
        raise error

    return [coroutine, plain]


@pytest.mark.parametrize("returned", [None, 0, False, "text", DONE, [1]])
async def test_returning_is_done_whatever_is_returned(module: ModuleType, returned: object) -> None:
    """A function of one message says done by returning, in the loop as in a thread."""
    seen: list[Message] = []

    async def coroutine(message: Message) -> object:
        seen.append(message)
        return returned

    def plain(message: Message) -> object:
        seen.append(message)
        return returned

    message = make_message()
    for function in (coroutine, plain):
        sink = await open_sink(module, function)
        assert list(await sink.write([message])) == [None]
        await sink.close()
    assert seen == [message, message]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Retry(), Retried("handler")),
        (Retry("busy", after=7.5), Retried("busy", 7.5)),
        (Reject("spam", "seen before"), Rejected("spam", "seen before")),
        (ValueError("no such order"), "ValueError"),
        (TimeoutError("theirs, not ours"), "TimeoutError"),
        (SystemExit(1), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (asyncio.CancelledError(), "CancelledError"),
        (StopIteration(), ("StopIteration", "RuntimeError")),
        (MemoryError(), "MemoryError"),
    ],
    ids=repr,
)
async def test_what_is_raised_becomes_an_outcome(
    module: ModuleType, error: BaseException, expected: Retried | Rejected | str | tuple[str, ...]
) -> None:
    """Retry and Reject mean what they say; all else is a retry by class name and never ends the worker."""
    for function in raising(error):
        sink = await open_sink(module, function)
        (answer,) = await sink.write([make_message()])
        await sink.close()
        if isinstance(expected, Retried | Rejected):
            assert answer == expected
        else:
            assert isinstance(answer, Retried)
            assert answer.reason in ((expected,) if isinstance(expected, str) else expected)


async def test_the_detail_says_where_it_was_raised(module: ModuleType) -> None:
    """An operator finds the line, and a long text is cut."""
    sink = await open_sink(module, raising(ValueError("x" * 500))[0])
    (answer,) = await sink.write([make_message()])
    assert answer is not None
    assert answer.detail.startswith("test_handler.py:")
    assert len(answer.detail) == 200


@pytest.mark.parametrize("error", [SinkUnavailable("their database is away"), SinkRefused("halve it")])
async def test_a_function_may_speak_as_a_sink(module: ModuleType, error: Exception) -> None:
    """What it writes to is away: the batch is kept, and no receive count is burnt."""
    for function in raising(error):
        sink = await open_sink(module, function)
        with pytest.raises(type(error)):
            await sink.write([make_message()])
        await sink.close()


async def test_a_coroutine_over_its_time_is_cancelled_and_retried(module: ModuleType) -> None:
    """The limit is ours to enforce, and the reason says so."""
    cancelled: list[bool] = []

    async def hang(_message: Message) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    sink = await open_sink(module, hang, seconds=0.001)
    (answer,) = await sink.write([make_message()])
    assert answer == Retried("timeout", detail="not done within 0.001 s")
    assert cancelled == [True]


@pytest.mark.parametrize("plain", [False, True])
async def test_our_own_cancellation_passes_through(module: ModuleType, *, plain: bool) -> None:
    """When the worker cancels the write, nothing is answered."""
    gate = threading.Event()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def wait(_message: Message) -> None:
        started.set()
        await asyncio.Event().wait()

    def block(_message: Message) -> None:
        loop.call_soon_threadsafe(started.set)
        gate.wait(30)

    sink = await open_sink(module, block if plain else wait)
    async with asyncio.TaskGroup() as group:
        write = group.create_task(sink.write([make_message()]))
        await started.wait()
        write.cancel()
    assert write.cancelled()
    gate.set()
    await sink.close()


async def test_a_batch_function_is_given_the_whole_batch(module: ModuleType) -> None:
    """By its name or by its parameter; None means that all is done."""
    sizes: list[int] = []

    async def handle_batch(items: Sequence[Message]) -> None:
        sizes.append(len(items))

    def anything(messages: Sequence[Message]) -> None:
        sizes.append(len(messages))

    for function in (handle_batch, anything):
        sink = await open_sink(module, function)
        assert list(await sink.write(make_messages(5))) == [None] * 5
        assert sink.demand.max_rows is None
        await sink.close()
    assert sizes == [5, 5]


async def test_a_batch_function_may_answer_for_each_message(module: ModuleType) -> None:
    """Answers stand in the order of the messages."""

    def handle_batch(_messages: Sequence[Message]) -> list[object]:
        return [None, Retry(after=3), Reject("spam"), ValueError("x"), DONE, Rejected("r"), Retried("t")]

    sink = await open_sink(module, handle_batch)
    answers = await sink.write(make_messages(7))
    expected = [None, Retried("handler", 3), Rejected("spam"), Retried("ValueError", detail="x")]
    assert list(answers) == [*expected, None, Rejected("r"), Retried("t")]
    await sink.close()


@pytest.mark.parametrize(
    "returned",
    ["ab", b"ab", 7, {"a": 1, "b": 2}, iter([None, None]), [1, True], [0, Released()]],
    ids=lambda value: type(value).__name__ + str(len(value) if hasattr(value, "__len__") else ""),
)
async def test_an_answer_without_a_meaning_settles_nothing(module: ModuleType, returned: object) -> None:
    """A batch function that breaks the contract has all its messages tried again, none deleted."""

    async def handle_batch(_messages: Sequence[Message]) -> object:
        return returned

    sink = await open_sink(module, handle_batch)
    assert {a.reason if a else None for a in await sink.write(make_messages(2))} == {"handler-contract"}


async def test_an_answer_without_a_meaning_is_one_message_s(module: ModuleType) -> None:
    """The places of a list are those of the messages, so the others stand."""

    async def handle_batch(_messages: Sequence[Message]) -> object:
        return [None, True, Retry(after=2)]

    sink = await open_sink(module, handle_batch)
    answers = list(await sink.write(make_messages(3)))
    assert [a.reason if a else None for a in answers] == [None, "handler-contract", "handler"]


async def test_retry_and_reject_raised_by_a_batch_function_speak_for_all(module: ModuleType) -> None:
    """Whoever raises them has said what is to become of what was given."""

    async def handle_batch(messages: Sequence[Message]) -> None:
        raise Reject("all of them") if len(messages) == 2 else Retry(after=3)

    sink = await open_sink(module, handle_batch)
    assert list(await sink.write(make_messages(2))) == [Rejected("all of them")] * 2
    assert list(await sink.write(make_messages(3))) == [Retried("handler", 3)] * 3


@pytest.mark.parametrize("how", ["raise", "hang", "miscount"])
async def test_a_batch_function_that_fails_is_asked_for_its_halves(module: ModuleType, how: str) -> None:
    """One of several messages made it fail, and nobody knows which: only a message that is alone gets the answer."""

    async def handle_batch(messages: Sequence[Message]) -> object:
        if how == "raise":
            raise KeyError("customer")
        if how == "hang":
            await asyncio.Event().wait()
        return [None] * (len(messages) + 1)

    sink = await open_sink(module, handle_batch, seconds=0.001)
    reason = {"raise": "KeyError", "hang": "timeout", "miscount": "handler-contract"}[how]
    with pytest.raises(BatchFailed) as raised:
        await sink.write(make_messages(3))
    assert raised.value.reason == reason
    assert [a.reason for a in await sink.write(make_messages(1)) if a] == [reason]


async def test_several_records_for_a_single_function_are_handled_in_order(module: ModuleType) -> None:
    """Whoever asks for more than the demand gets one call after the other."""
    keys: list[str] = []

    async def handle(message: Message) -> None:
        keys.append(message.key)

    sink = await open_sink(module, handle)
    assert (sink.demand.max_rows, sink.demand.max_writers, sink.demand.seconds) == (1, 2, 125.0)
    assert list(await sink.write(make_messages(3))) == [None] * 3
    assert keys == ["m-0", "m-1", "m-2"]
    assert list(await sink.write([])) == []


async def test_a_coroutine_behind_a_plain_wrapper_is_awaited(module: ModuleType) -> None:
    """A decorator that hides `async def` must not lose the message in a coroutine that nobody awaits."""
    handled: list[str] = []

    async def inner(message: Message) -> None:
        handled.append(message.key)

    async def forgets(message: Message) -> object:
        return inner(message)

    wrapped: list[Callable[[Message], object]] = [
        lambda message: inner(message),  # noqa: PLW0108 - the wrapper is the point
        functools.partial(inner),
        forgets,
        lambda message: forgets(message),  # noqa: PLW0108 - as above
    ]
    for function in wrapped:
        sink = await open_sink(module, function)
        assert list(await sink.write([make_message()])) == [None]
        await sink.close()
    assert handled == ["m-1"] * 4


async def test_what_a_wrapper_names_is_not_what_is_called(module: ModuleType) -> None:
    """One that runs the coroutine in a loop of its own, as for a command line, is a plain function; so is a cycle."""
    handled: list[str] = []

    async def inner(message: Message) -> None:
        handled.append(message.key)

    @functools.wraps(inner)
    def wrapper(message: Message) -> None:
        asyncio.run(inner(message))

    def cycle(message: Message) -> None:
        handled.append(message.key)

    cycle.__wrapped__ = cycle  # type: ignore[attr-defined] # as some tracers leave it
    for function in (wrapper, functools.partial(wrapper), cycle):
        sink = await open_sink(module, function)
        assert list(await sink.write([make_message()])) == [None]
        await sink.close()
    assert handled == ["m-1"] * 3


async def test_a_generator_handed_out_is_not_taken_for_done(module: ModuleType) -> None:
    """Nothing in it has run."""
    sink = await open_sink(module, lambda message: (m for m in [message]))
    (answer,) = await sink.write([make_message()])
    assert answer is not None
    assert answer.reason == "handler-contract"
    await sink.close()


async def test_an_object_with_call_and_a_bound_method_are_functions(module: ModuleType) -> None:
    """State of your own lives where you like."""

    class Counter:
        """Counts what it handles."""

        count = 0

        async def __call__(self, _message: Message) -> None:
            self.count += 1

        async def handle(self, _message: Message) -> None:
            self.count += 1

    counter = Counter()
    for function in (counter, counter.handle):
        sink = await open_sink(module, function)
        assert list(await sink.write([make_message()])) == [None]
    assert counter.count == 2


async def test_context_reaches_the_thread(module: ModuleType) -> None:
    """Trace ids kept in context variables are seen by plain functions, too."""
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []
    sink = await open_sink(module, lambda _message: seen.append(variable.get()))
    variable.set("set")
    await sink.write([make_message()])
    assert seen == ["set"]
    await sink.close()


def generator(_message: object) -> Iterator[None]:
    """A handler that was written with yield by mistake."""
    yield


class NotThereYet:
    """As a lazy object of a framework that was not set up."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("no settings")

    def __call__(self, message: Message) -> None:
        """What it stands for."""


@pytest.mark.parametrize(
    ("attribute", "match"),
    [
        (7, "an object of type int is no function"),
        (ModuleType, "a class is no function"),
        (generator, "it yields"),
        (lambda: None, "must take one argument"),
        (lambda _a, _b: None, "must take one argument"),
        (NotThereYet(), "cannot be looked at .RuntimeError: no settings."),
    ],
    ids=["a-number", "a-class", "a-generator", "no-argument", "two-arguments", "a-stand-in"],
)
async def test_what_cannot_be_a_handler_is_refused_at_the_start(
    module: ModuleType, attribute: Callable[..., object], match: str
) -> None:
    """Found before the first message, with a sentence."""
    with pytest.raises(SinkRefused, match=match):
        await open_sink(module, attribute)


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("no_such_module_anywhere.handle", "there is no module no_such_module_anywhere"),
        ("worker.no_such_part.handle", "no_such_part"),
        ("worker.outcome.no_such_name", "no_such_name"),
        ("", "no dotted path"),
        ("a b", "no dotted path"),
    ],
)
async def test_a_path_that_leads_nowhere_is_refused_with_the_setting(path: str, match: str) -> None:
    """The sentence names HANDLER and what is missing."""
    with pytest.raises(SinkRefused, match=match) as caught:
        await HandlerSink(path, timeout_seconds=1, concurrency=1).open()
    assert str(caught.value).startswith(f"HANDLER={path}:")


@pytest.mark.parametrize(("safe", "where"), [("1", "that PYTHONPATH names"), ("", "in the working folder")])
async def test_the_sentence_names_the_folders_that_are_searched_here(
    safe: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In our image the working folder is none of them, so nobody is sent to look there."""
    monkeypatch.setenv("PYTHONSAFEPATH", safe)
    with pytest.raises(SinkRefused, match=where):
        await HandlerSink("no_such_module_anywhere.handle", timeout_seconds=1, concurrency=1).open()


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("import no_such_dependency", "imports no_such_dependency, which is not installed"),
        ("1 / 0", r"fails at import: ZeroDivisionError: division by zero \(at .*handler_module_on_disk.py:1\)"),
        ("int('x')", "fails at import: ValueError"),
        ("[].nothing", "fails at import: AttributeError"),
        ("from worker import no_such_name", "fails at import: ImportError"),
        ("int('five')", "fails at import: ValueError: invalid literal"),
        ("None.settings", "fails at import: AttributeError: 'NoneType'"),
        ("class Panic(BaseException): pass\nraise Panic('rust')", "fails at import: Panic: rust"),
        ("def __getattr__(name): raise KeyError(name)", "KeyError"),
        ("raise SystemExit(3)", "fails at import: SystemExit"),
        ("def handle(:", "fails at import: SyntaxError"),
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "handler_module_on_disk.handle",
        "handler_module_on_disk:handle",
        "handler_package.handler_module_on_disk.handle",
        "handler_package.handler_module_on_disk:handle",
    ],
)
async def test_a_module_that_fails_at_import_is_refused_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, match: str, path: str
) -> None:
    """Their mistake is told from a wrong path, however deep, and ends neither in a traceback nor in their exit code."""
    folder = tmp_path / "handler_package" if "package" in path else tmp_path
    folder.mkdir(exist_ok=True)
    write_module(str(folder), source)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("handler_module_on_disk", "handler_package", "handler_package.handler_module_on_disk"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(SinkRefused, match=match):
        await HandlerSink(path, timeout_seconds=1, concurrency=1).open()


def write_module(directory: str, source: str) -> None:
    """A module that can be imported from *directory*."""
    with open(f"{directory}/handler_module_on_disk.py", "w", encoding="utf-8") as file:  # noqa: PTH123 - text in, text out
        file.write(source)


async def test_a_function_that_hides_its_signature_takes_one_message() -> None:
    """Some functions written in C do not tell; they are taken at their name."""
    sink = HandlerSink("builtins.max", timeout_seconds=1, concurrency=1)
    await sink.open()
    assert sink.demand.max_rows == 1


async def test_a_sink_that_is_not_open_accepts_nothing() -> None:
    """Nothing is taken for done before there is a function."""
    with pytest.raises(SinkUnavailable, match="is not open"):
        await HandlerSink("x.y", timeout_seconds=1, concurrency=1).write([make_message()])


@pytest.mark.parametrize("after", ["5", float("nan"), float("inf"), timedelta(seconds=5), None, [1]], ids=repr)
async def test_a_pause_that_is_no_number_of_seconds_is_left_to_the_backoff(module: ModuleType, after: object) -> None:
    """Python checks nothing that a function puts into Retry; the settler must be able to count with it."""

    async def handle(_message: Message) -> None:
        raise Retry("later", after=after)  # type: ignore[arg-type] # the mistake that is tested

    sink = await open_sink(module, handle)
    assert list(await sink.write(make_messages(1))) == [Retried("later")]


async def test_a_reason_that_is_no_text_becomes_one(module: ModuleType) -> None:
    """It travels in the dead letter as JSON, where an exception or a number in its place would end the settler."""

    async def handle_batch(_messages: Sequence[Message]) -> object:
        return [Rejected(7, ValueError("words")), Retried(None, 3)]  # type: ignore[arg-type] # as above

    sink = await open_sink(module, handle_batch)
    assert list(await sink.write(make_messages(2))) == [Rejected("7", "words"), Retried("None", 3)]
