"""Settings: what may be set, what it means, and how it is read.

    worker  pipeline      the two models: every field with its bounds and its prose
    variables  names      the fields' variables; misspelt and foreign variables
    sources  aws  derive  environment and worker.toml → values; what follows from them
    build  rules  problems   values → models; what is wrong, as sentences
    circles                  dead letters that would come back
    load                  all of it in order

`load(environ)` gives `Loaded` or raises `SettingsError` with every problem.
"""

from __future__ import annotations

from worker.settings.load import Loaded, load
from worker.settings.pipeline import PipelineSettings
from worker.settings.worker import WorkerSettings

__all__ = ["Loaded", "PipelineSettings", "WorkerSettings", "load"]
