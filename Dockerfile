# Two images from one file:
#   docker build --target web    -t kyc-review-web .      Django, beat and the default worker; no torch
#   docker build --target worker -t kyc-review-worker .   the scoring worker; CUDA torch, which runs on a CPU, too
# With its digest (python:3.12-slim@sha256:...) two builds have the same base (docs/deploy.md).
ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE} AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/venv/bin:$PATH DATA_DIR=/data
RUN groupadd --gid 10001 kyc && useradd --uid 10001 --gid kyc --no-create-home --home-dir /nonexistent kyc \
    && install -d -o kyc -g kyc -m 0700 /data /keys
WORKDIR /app

FROM base AS build
COPY requirements/uv.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt && uv venv /opt/venv

FROM build AS build-web
# Or web-parquet: with pyarrow, which writes exports as Parquet (docs/records.md).
ARG WEB_REQUIREMENTS=web
COPY requirements/${WEB_REQUIREMENTS}.txt requirements/web.txt
COPY requirements/tracing.txt requirements/cloud.txt requirements/
RUN VIRTUAL_ENV=/opt/venv uv pip install --no-cache --compile-bytecode --no-deps --require-hashes -r requirements/web.txt
# Not empty: with what sends traces (docs/observability.md).
ARG TRACING=
RUN [ -z "$TRACING" ] || VIRTUAL_ENV=/opt/venv uv pip install --no-cache --compile-bytecode --no-deps --require-hashes -r requirements/tracing.txt
# Not empty: with what asks AWS KMS (docs/encryption.md).
ARG CLOUD=
RUN [ -z "$CLOUD" ] || VIRTUAL_ENV=/opt/venv uv pip install --no-cache --compile-bytecode --no-deps --require-hashes -r requirements/cloud.txt

FROM build AS build-worker
COPY requirements/worker.txt requirements/tracing.txt requirements/cloud.txt requirements/onnx.txt requirements/
RUN VIRTUAL_ENV=/opt/venv uv pip install --no-cache --compile-bytecode --no-deps --require-hashes -r requirements/worker.txt
ARG TRACING=
RUN [ -z "$TRACING" ] || VIRTUAL_ENV=/opt/venv uv pip install --no-cache --compile-bytecode --no-deps --require-hashes -r requirements/tracing.txt
ARG CLOUD=
RUN [ -z "$CLOUD" ] || VIRTUAL_ENV=/opt/venv uv pip install --no-cache --compile-bytecode --no-deps --require-hashes -r requirements/cloud.txt
# Not empty: with another engine for the scoring worker (docs/deploy.md).
ARG ONNX=
RUN [ -z "$ONNX" ] || VIRTUAL_ENV=/opt/venv uv pip install --no-cache --compile-bytecode --no-deps --require-hashes -r requirements/onnx.txt

FROM base AS web
COPY --from=build-web /opt/venv /opt/venv
COPY manage.py ./
COPY kyc_review kyc_review
COPY detection detection
COPY encrypted_files encrypted_files
COPY estimation estimation
COPY templates templates
COPY locale locale
COPY static static
COPY docs/openapi.yaml docs/openapi-staff.yaml docs/
# Placeholders let Django start for this one command; nothing of them stays in the image.
ENV STATIC_ROOT=/app/staticfiles
RUN SECRET_KEY=build DATABASE_URL=postgres://build VALKEY_URL=redis://build python manage.py collectstatic --noinput -v 0
# Which build this is, such as a commit (docs/deploy.md); last, so that nothing is built again for another one.
ARG BUILD=
RUN echo "$BUILD" > build_id
USER kyc
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8000/readyz/web', headers={'Host': 'localhost'}), timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "16", "--no-ws", "--respawn-failed-workers", "kyc_review.wsgi:application"]

FROM base AS worker
COPY --from=build-worker /opt/venv /opt/venv
COPY manage.py ./
COPY kyc_review kyc_review
COPY detection detection
COPY encrypted_files encrypted_files
COPY estimation estimation
COPY locale locale
# Not used here, but part of what tells builds apart (kyc_review/settings/build.py).
COPY static static
COPY templates templates
COPY ml ml
ARG BUILD=
RUN echo "$BUILD" > build_id
USER kyc
# solo: CUDA does not survive a fork.
CMD ["celery", "-A", "kyc_review", "worker", "-Q", "scoring", "--pool=solo", "-n", "scoring@%h", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
