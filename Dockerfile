# dnasweep as an image: every sweep and job, as one user without rights.
#
#   make image                                        CPU; DEVICE=cuda for NVIDIA GPUs, BASE=... for another base
#   podman run --rm -v "$PWD:/data" dnasweep dnasweep tokenizer-grid --dry-run
#   podman run --rm -v "$PWD:/data" dnasweep python /opt/dnasweep/sweeps/tokenizer_grid.py --dry-run
#
# The base needs Python 3.11 or newer with venv, and nothing else. GPUs come from the host's driver, so there
# is no CUDA in the base: torch brings its own.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
# cpu or cuda: which build of torch.
ARG DEVICE=cpu
# Where the one for CPUs is found; the other is PyPI's.
ARG CPU_INDEX=https://download.pytorch.org/whl/cpu
# What beside the package itself: ray[default], which KubeRay and `ray job submit` ask for, and boto3, by which
# MLflow keeps files in a bucket.
ARG EXTRAS=aws
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY constraints.txt ./
RUN python3 -m venv /opt/venv && \
    case "${DEVICE}" in cpu) index="--index-url ${CPU_INDEX}" ;; cuda) index= ;; \
      *) echo "DEVICE is ${DEVICE}: use cpu or cuda" >&2; exit 2 ;; esac && \
    /opt/venv/bin/pip install -q -c constraints.txt ${index} "$(grep '^torch==' constraints.txt)" && \
    /opt/venv/bin/pip install -q -c constraints.txt "$(grep '^setuptools==' constraints.txt)"
COPY pyproject.toml MANIFEST.in README.md LICENSE ./
COPY platform platform
# Tests of libraries go, which nobody runs here.
RUN /opt/venv/bin/pip install -q -c constraints.txt --no-build-isolation ".[${EXTRAS}]" && \
    /opt/venv/bin/pip check && \
    find /opt/venv -depth -type d -name tests -regex '.*/\(numpy\|pandas\|scipy\|sklearn\|statsmodels\|sympy\|pyarrow\|networkx\|matplotlib\|numba\|shap\)/.*' -exec rm -rf {} + && \
    /opt/venv/bin/python -c "import dnasweep.workflows.sweep, ray, shap, mlflow"

FROM ${BASE}
RUN useradd --uid 1000 --create-home --home-dir /data runner
COPY --from=build /opt/venv /opt/venv
COPY sweeps /opt/dnasweep/sweeps
COPY jobs /opt/dnasweep/jobs
# What libraries write beside results goes to /tmp, so that the root file system may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib NUMBA_CACHE_DIR=/tmp/numba PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    RAY_USAGE_STATS_ENABLED=0 MLFLOW_DISABLE_TELEMETRY=true
USER 1000
WORKDIR /data
CMD ["dnasweep"]
