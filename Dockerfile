# One image for every Airflow component and for every worker:
# docker build --build-arg REQUIREMENTS=requirements-gpu.txt . gives it the CUDA build of TensorFlow.
FROM python:3.11.14-slim-bookworm AS dependencies
ARG REQUIREMENTS=requirements.txt
WORKDIR /opt/factorprism
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy VIRTUAL_ENV=/opt/factorprism/.venv
# What was downloaded once stays with the builder, and in no layer.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv .venv && .venv/bin/python -m pip install uv==0.13.8
COPY ${REQUIREMENTS} ./
RUN --mount=type=cache,target=/root/.cache/uv \
    .venv/bin/uv pip sync --require-hashes --compile-bytecode ${REQUIREMENTS}

# The package lies in a layer of its own: a change of it does not copy TensorFlow anew.
FROM dependencies AS package
COPY pyproject.toml README.md ./
COPY include include
RUN --mount=type=cache,target=/root/.cache/uv \
    .venv/bin/uv pip install --no-deps --no-build-isolation --compile-bytecode \
        --prefix /opt/package .

FROM python:3.11.14-slim-bookworm
# The folders that volumes are mounted on: an empty volume takes their owner over.
RUN groupadd --gid 50000 prism \
    && useradd --uid 50000 --gid 50000 --create-home --home-dir /var/lib/factorprism \
        --shell /usr/sbin/nologin prism \
    && install --directory --owner prism --group prism --mode 0700 \
        /var/lib/factorprism /var/lib/airflow /var/lib/users /var/lib/files /var/lib/backups
WORKDIR /opt/factorprism
COPY --from=dependencies /opt/factorprism/.venv .venv
COPY --from=package /opt/package .venv
COPY dags dags
COPY plugins plugins
# What health checks call, and what Airflow's Helm chart expects of an image.
COPY --chmod=0755 deploy/image/alive.py /usr/local/bin/alive
COPY --chmod=0755 deploy/image/entrypoint deploy/image/clean-logs /
ENV PATH=/opt/factorprism/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DO_NOT_TRACK=1 \
    GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    KERAS_BACKEND=tensorflow \
    TF_CPP_MIN_LOG_LEVEL=2 \
    MPLCONFIGDIR=/tmp/matplotlib \
    FACTORPRISM_HOME=/var/lib/factorprism \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/factorprism/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/factorprism/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
USER 50000:50000
CMD ["airflow", "version"]
