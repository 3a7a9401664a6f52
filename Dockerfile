# Builds the wheel, and a virtual environment with it and its dependencies, where there is a compiler.
FROM python:3.12-slim AS builder
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml setup.cfg hatch_build.py README.md LICENSE ./
COPY src ./src
COPY dashboard ./dashboard
RUN python -m venv /app/venv && CFLAGS=-g0 /app/venv/bin/pip install --no-cache-dir .

# The same Python without the compiler.
FROM python:3.12-slim AS runtime
RUN useradd --uid 10001 --user-group --home-dir /app --no-create-home --shell /usr/sbin/nologin omniroute \
    && install --directory --owner omniroute --group omniroute --mode 0700 /app/data
COPY --from=builder /app/venv /app/venv
ENV PATH=/app/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/app/data \
    PORT=20128 \
    OMNIROUTE_HOST=0.0.0.0
# A container must listen on all its addresses to be reached. OmniRoute refuses that until INITIAL_PASSWORD (for the first start)
# and REQUIRE_API_KEY=true are set: docker run --env INITIAL_PASSWORD=… --env REQUIRE_API_KEY=true …
USER omniroute
WORKDIR /app
VOLUME /app/data
EXPOSE 20128
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["omniroute"]
CMD ["serve", "--no-open"]
