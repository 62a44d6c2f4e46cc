"""Parent: WORKER_PROCESSES workers on one machine, with one place to stop them and one to look at them.

    run        starts the processes, waits for a signal, and ends with the worst of their exit codes
    process    one of them: started, listened to, told to stop
    supervise  starts those again that end unasked, stops all within one deadline
    ends       what an end means, as pure functions: start again or give up, how long to pause, which code to end with
    verdicts   alive, ready and status, out of what the processes answer
    figures    one /metrics out of theirs; `merge` is the arithmetic, `ask` the asking

`run_parent` takes the settings and how a process is started; it gives an exit code. It holds no message and no
connection to SQS or a sink, so there is nothing in it that could be lost.
"""
