FROM python:3.12-slim AS build
WORKDIR /source
# The compiler of the hot path stays behind in this stage.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY requirements.lock requirements-run.lock ./
# The build tools come from the lock with hashes like everything else, and stay behind in this stage.
RUN python -m venv /build && /build/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock \
 && python -m venv /opt/marrow-cds \
 && /opt/marrow-cds/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements-run.lock
COPY pyproject.toml README.md LICENSE ./
COPY cds_service cds_service
COPY cards cards
COPY fhir_fixtures fhir_fixtures
COPY scripts/compile_hot_path.py scripts/
RUN HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 /build/bin/python -m hatchling build --target wheel --directory /wheels \
 && /opt/marrow-cds/bin/python -m pip install --quiet --no-deps --no-index /wheels/*.whl

FROM python:3.12-slim
RUN useradd --system --create-home --uid 10001 marrow && install -d -m 0700 -o marrow /var/lib/marrow-cds
COPY --from=build /opt/marrow-cds /opt/marrow-cds
USER 10001
# Nothing is written outside the volume, which holds the spool and the key of the patient hash: the rest may be read-only.
ENV MARROW_HOST=0.0.0.0 MARROW_PORT=8000 MARROW_STATE_DIR=/var/lib/marrow-cds MARROW_WORKERS=2 \
    PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2
VOLUME /var/lib/marrow-cds
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/opt/marrow-cds/bin/python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
# Refuses to start on 0.0.0.0 until MARROW_CLIENTS or MARROW_ALLOW_OPEN says who may ask.
ENTRYPOINT ["/opt/marrow-cds/bin/python", "-m", "cds_service"]
CMD ["serve"]
