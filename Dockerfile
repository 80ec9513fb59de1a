# The consumer and what it runs on; what builds it stays behind. Every package is pinned by its hash.

FROM python:3.13-slim AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

FROM python AS wheel
WORKDIR /src
COPY requirements.lock ./
RUN pip install --require-hashes --only-binary :all: --requirement requirements.lock
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python AS installed
COPY requirements-run.lock /
RUN python -m venv /app \
 && /app/bin/pip install --require-hashes --only-binary :all: --requirement /requirements-run.lock
COPY --from=wheel /wheel /wheel
RUN /app/bin/pip install --no-deps --no-index /wheel/*.whl

FROM python:3.13-slim
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1
COPY --from=installed /app /app
# A number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["consumer"]
CMD ["run"]
