"""Settings: what may be set, what it means, and how it is read.

    worker  pipeline      the two models: every field with its bounds and its prose
    names                 misspelt and foreign variables
    sources  sections     environment and worker.toml → values, of a pipeline and of its sink and codec
    aws  derive           what the SDK would find; what follows from what was given
    build  rules  problems   values → models; what is wrong, as sentences
    unused  circles       what was given to nobody; dead letters that would come back
    loading               all of it in order

A field and its variable are declared as `worker/plugins/setting.py` has it, those of a sink or codec in its own folder.

`load(environ)` gives `Loaded` or raises `SettingsError` with every problem.
"""

from __future__ import annotations

from worker.settings.loading import Loaded, load
from worker.settings.pipeline import PipelineSettings
from worker.settings.worker import WorkerSettings

__all__ = ["Loaded", "PipelineSettings", "WorkerSettings", "load"]
