"""For all tests: signals as a shell in front of a person leaves them, whatever started the run.

`nohup` and shells that put a run into the background ignore SIGHUP, SIGINT and SIGQUIT, and every process that a test
starts would inherit that. And a delivery that makes a step which its state forbids raises, in every test.
"""

from __future__ import annotations

import signal

from worker.pipeline import life

life.strict = True
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)
