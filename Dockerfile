# The consumer and what it runs on; what builds it stays behind. Every package is pinned by its hash.
#
#   docker build --tag consumer .
#   docker run --read-only --cap-drop ALL --env CONSUMER_KAFKA__BOOTSTRAP_SERVERS=... consumer check

FROM python:3.13-slim-bookworm AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

FROM python AS wheel
WORKDIR /src
COPY requirements-build.lock ./
RUN pip install --no-deps --require-hashes --only-binary :all: --requirement requirements-build.lock
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python AS installed
COPY requirements-run.lock /
RUN python -m venv /app \
 && /app/bin/pip install --no-deps --require-hashes --only-binary :all: --requirement /requirements-run.lock
COPY --from=wheel /wheel /wheel
# The programs are compiled here, once: the file system of the container is read-only. pip is needed no more.
RUN /app/bin/pip install --no-deps --no-index /wheel/*.whl \
 && /app/bin/python -m compileall -q -j 0 /app/lib \
 && /app/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="consumer" \
      org.opencontainers.image.description="Sends email as Kafka asks for it, and publishes one outcome for each request" \
      org.opencontainers.image.licenses="Apache-2.0"
# In a container everybody who should reach health and metrics comes from outside.
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CONSUMER_HTTP__HOST=0.0.0.0
COPY --from=installed /app /app
# A number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["consumer", "healthcheck"]
ENTRYPOINT ["consumer"]
CMD ["run"]
