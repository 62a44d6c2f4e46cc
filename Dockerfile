# syntax=docker/dockerfile:1
# One file, three images: `build` makes the environment, `worker` is what runs, `monitoring` watches it in compose.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The compiler is for the worker's own extension, and stays in this stage.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/worker && python -m venv /opt/build
# The dependencies first: this layer is kept until a pin changes. They come as wheels only: nothing of theirs is compiled.
COPY requirements/run.txt requirements/extras.txt requirements/build.txt requirements/
# What single sinks need on top (PostgreSQL); `--build-arg EXTRAS=` leaves it out.
ARG EXTRAS=requirements/extras.txt
# Debugging symbols of the wheels are a quarter of all that they bring.
RUN /opt/worker/bin/pip install --no-compile --require-hashes --only-binary :all: -r requirements/run.txt ${EXTRAS:+-r "$EXTRAS"} \
 && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt \
 && find /opt/worker/lib -name '*.so*' -type f -exec strip --strip-debug {} +
# Nor are sources of extensions needed, nor the hundreds of languages that tracebacks could be coloured in.
COPY pyproject.toml setup.py sqs_worker_daemon.py README.md LICENSE ./
COPY worker/ worker/
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/worker/bin/pip install --no-compile --no-deps --no-index /dist/*.whl \
 && find /opt/worker/lib \( -name '*.[ch]' -o -name '*.pyx' -o -name '*.pxd' \) -delete \
 && /opt/worker/bin/python -m compileall -q -x pygments/lexers/ /opt/worker/lib \
 && /opt/worker/bin/pip uninstall --yes pip
# Elsewhere the extension is optional (the worker goes on without, and takes more CPU); an image without it is none.
WORKDIR /
RUN /opt/worker/bin/python -c 'import worker.speedups._speedups'

FROM python:3.13-slim AS monitoring
# Prometheus and Alertmanager. No version is pinned: Debian keeps one a release, so a pinned one is gone with the next fix.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 10001 -g 10001 /data
USER 10001:10001
ENTRYPOINT ["/usr/bin/prometheus"]
CMD ["--config.file=/etc/worker/prometheus.yml", "--storage.tsdb.path=/data", "--web.listen-address=0.0.0.0:9090"]

FROM python:3.13-slim AS worker
LABEL org.opencontainers.image.title="sqs-worker-daemon" \
      org.opencontainers.image.licenses="Apache-2.0"
# /data is where a SQLite or NDJSON sink writes when nothing else is said; a named volume takes its owner from here.
RUN install -d -o 10001 -g 10001 /data
COPY --from=build /opt/worker /opt/worker
ENV PATH=/opt/worker/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONFAULTHANDLER=1 PYTHONSAFEPATH=1 \
    METRICS_HOST=0.0.0.0 METRICS_PORT=9100 SQLITE_PATH=/data/messages.sqlite LOG_FORMAT=json
WORKDIR /data
# A number, since Kubernetes' runAsNonRoot cannot read names.
USER 10001:10001
EXPOSE 9100
STOPSIGNAL SIGTERM
# The first check comes after one interval. A shorter one at the start (--start-interval) is unknown to podman.
HEALTHCHECK --interval=5s --timeout=5s --start-period=15s --retries=3 CMD ["worker", "health"]
# Exec form, no shell in between: SIGTERM reaches the worker itself. It waits for the processes it starts
# (WORKER_PROCESSES), so it needs no init.
ENTRYPOINT ["worker"]
CMD ["run"]
