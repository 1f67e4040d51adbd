# docker build -t wharf .
#
# Both images can be replaced: `--build-arg BUILD=…` by one with a Rust toolchain and a C compiler,
# `--build-arg BASE=…` by one with glibc and a shell. Works with BuildKit and without.
ARG BUILD=rust:1-bookworm
ARG BASE=debian:bookworm-slim

FROM ${BUILD} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package wharf

FROM ${BASE}
# For --store on an S3 endpoint with TLS: the slim base has no certificates.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/wharf /usr/local/bin/wharf
RUN mkdir -p /data && chown 10001:10001 /data
USER 10001:10001
VOLUME /data
EXPOSE 4566
STOPSIGNAL SIGTERM
# WHARF_ALLOW_INSECURE_LISTEN: a container's own loopback cannot be published, so the server listens
# on every address of the container, and with --auth=local, the default, it accepts any access key
# from whoever connects. How far that reaches is decided by what publishes the port: use
# `-p 127.0.0.1:4566:4566`, or set WHARF_AUTH=strict and WHARF_CREDENTIALS.
ENV WHARF_LISTEN=0.0.0.0:4566 \
    WHARF_ALLOW_INSECURE_LISTEN=true \
    WHARF_DATA_DIR=/data
# Asks where WHARF_LISTEN says, or the file of settings in /data.
HEALTHCHECK --interval=5s --timeout=10s --start-period=60s \
    CMD ["/usr/local/bin/wharf", "ready"]
ENTRYPOINT ["/usr/local/bin/wharf"]
CMD ["serve"]
