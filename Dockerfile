# The server on port 8080, files in the volume /data unless FAKE_APIMART_STORAGE says otherwise.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY clients/python clients/python
COPY server server
COPY storage storage
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel ./clients/python .

FROM ${PYTHON_IMAGE} AS install
WORKDIR /install
COPY constraints.txt .
COPY --from=wheel /wheel .
RUN python -m venv --without-pip /opt/fake-apimart \
 && pip --python /opt/fake-apimart/bin/python install --no-cache-dir -c constraints.txt \
      ./fake_apimart_testing-*.whl "$(echo ./fake_apimart-*.whl)[redis,s3]" \
 && mkdir /data

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="fake-apimart" \
      org.opencontainers.image.description="A self-hosted emulator of APIMart's image upload API" \
      org.opencontainers.image.licenses="MIT"
COPY --from=install /opt/fake-apimart /opt/fake-apimart
COPY --from=install --chown=10001:10001 /data /data
ENV PATH=/opt/fake-apimart/bin:$PATH \
    FAKE_APIMART_HOST=0.0.0.0 \
    FAKE_APIMART_PORT=8080 \
    FAKE_APIMART_STORAGE=dir:/data
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["fake-apimart", "ready"]
ENTRYPOINT ["fake-apimart"]
CMD ["serve"]
