# ccstream as an image: the worker, or any other command of `ccstream`. It writes to nothing of its
# own, so that it runs with a read-only root and a /tmp in memory.
FROM python:3.13-slim AS build

RUN pip install --no-cache-dir uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/ccstream \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
WORKDIR /build

# The packages first: they change rarely, and this layer is then taken from the cache.
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --extra registry --extra tracing --no-install-project

# The hot path is compiled, which takes a C compiler here and none where it runs.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY README.md LICENSE ./
COPY schemas schemas
COPY src src
RUN HATCH_BUILD_HOOKS_ENABLE=1 uv sync --locked --no-dev --extra registry --extra tracing --no-editable

FROM python:3.13-slim

# A user of its own, by number, so that a platform can see that it is not root.
# In its folder `gateway` compose keeps the gateway's keys, a volume that takes this owner.
RUN useradd --uid 10001 --create-home --home-dir /var/lib/ccstream --shell /usr/sbin/nologin ccstream \
    && chmod 0755 /var/lib/ccstream \
    && install -d -o ccstream -g ccstream -m 0755 /var/lib/ccstream/gateway
COPY --from=build /opt/ccstream /opt/ccstream
ENV PATH=/opt/ccstream/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HEALTH_URL=http://127.0.0.1:6066/livez
USER 10001:10001
WORKDIR /var/lib/ccstream

EXPOSE 6066 8080
# Of a worker or heartbeat; a gateway has another HEALTH_URL. What ends by itself needs none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(os.environ['HEALTH_URL'], timeout=3)"]
ENTRYPOINT ["ccstream"]
CMD ["worker"]
