# ccstream as an image: the worker, or any other command of `ccstream`.
FROM python:3.13-slim AS build

RUN pip install --no-cache-dir uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/ccstream \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
WORKDIR /build

# The packages first: they change rarely, and this layer is then taken from the cache.
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --extra registry --no-install-project

# The hot path is compiled, which takes a C compiler here and none where it runs.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY README.md LICENSE ./
COPY schemas schemas
COPY src src
RUN HATCH_BUILD_HOOKS_ENABLE=1 uv sync --locked --no-dev --extra registry --no-editable

FROM python:3.13-slim

# A user of its own, by number, so that a platform can see that it is not root.
RUN useradd --uid 10001 --create-home --home-dir /var/lib/ccstream --shell /usr/sbin/nologin ccstream
COPY --from=build /opt/ccstream /opt/ccstream
ENV PATH=/opt/ccstream/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/ccstream

EXPOSE 6066
ENTRYPOINT ["ccstream"]
CMD ["worker"]
