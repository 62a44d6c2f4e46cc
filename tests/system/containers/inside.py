"""Programs that run in containers, where the engine's network and volumes are; each prints one line of JSON."""

COUNT_ROWS = """
import glob, json, sqlite3
(path,) = glob.glob("/data/*.sqlite")
database = sqlite3.connect(path)
table, = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
print(json.dumps(database.execute(f"SELECT count(*), count(DISTINCT message_id) FROM {table}").fetchone()))
"""

COUNT_TABLE = """
import asyncio, json, os
import asyncpg
async def count():
    database = await asyncpg.connect(os.environ["POSTGRES_DSN"])
    row = await database.fetchrow("SELECT count(*), count(DISTINCT message_id) FROM orders")
    await database.close()
    return list(row)
print(json.dumps(asyncio.run(count())))
"""

ACCOUNT = """
import json, sys, time, urllib.request
queue, deadline = {}, time.monotonic() + 30
while not queue and time.monotonic() < deadline:
    try:
        with urllib.request.urlopen("http://loopback:9324/_loopback/account", timeout=5) as answer:
            queue = json.load(answer)["queues"]["orders"]
    except OSError as error:  # an engine's name server pauses while containers come and go
        print(error, file=sys.stderr)
        time.sleep(0.5)
print(json.dumps(queue))
"""
"""The queue's own account of the messages."""

LOOK_INSIDE = """
import json, os, shutil
def written(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror
    return "written"
try:
    import worker.speedups._speedups
    extension = "there"
except ImportError as error:
    extension = str(error)
tools = [name for name in ("gcc", "cc", "g++", "clang", "ld", "make", "go", "cargo") if shutil.which(name)]
places = {"root": written("/x"), "opt": written("/opt/worker/x")}
print(json.dumps({"uid": os.getuid(), "tools": tools, "extension": extension} | places))
"""

SECONDS_TO_HEALTHY = """
import json, os, subprocess, time, urllib.request
def asked(path):
    try:
        with urllib.request.urlopen("http://127.0.0.1:9100" + path, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
def used(pid):
    with open(f"/proc/{pid}/stat") as file:
        ticks = file.read().rpartition(")")[2].split()[11:13]
    return round(sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), 2)
def waited(pid):
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            return round(int(file.read().split()[1]) / 1e9, 2)
    except OSError:
        return 0.0
began, found = time.monotonic(), {}
worker = subprocess.Popen(["worker", "run"], stdout=subprocess.DEVNULL)
while len(found) < 4 and time.monotonic() - began < 60:
    for path in ("/livez", "/readyz"):
        if path not in found and asked(path):
            found[path] = round(time.monotonic() - began, 2)
            found.setdefault("CPU", used(worker.pid))
            found.setdefault("waited for a CPU", waited(worker.pid))
    time.sleep(0.02)
found["worker health"] = subprocess.run(["worker", "health"], stdout=subprocess.DEVNULL).returncode
worker.terminate()
worker.wait()
print(json.dumps(found))
"""
"""From the start of a worker to the first good answer of each page, how much CPU it used and waited for until the
first, and what its health check ends with."""
