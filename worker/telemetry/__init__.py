"""What the worker reports: facts, and the observers that turn them into metrics, logs and health.

    emit ──▶ dispatch.FanOut ──┬──▶ metrics   counters, histograms    ──▶ /metrics ─┐
                               ├──▶ health    alive, ready, status    ──▶ /livez …  ─┴─ server (threads)
                               ├──▶ logs      a line for each fact    ──▶ lines (a thread) ──▶ the stream
                               └──▶ report    the line of every minute ──▶ the same stream

The observers know the facts and not each other; `account` adds the messages up for all of them.
"""
