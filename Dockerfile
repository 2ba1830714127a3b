# The image of docker-compose.yml for engines that can pull. Where none can, `cargo squall image` makes one
# of what is built already: docs/CONTAINERS.md.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
WORKDIR /squall
COPY . .
RUN cargo build --locked --release --workspace --bins && mkdir /files

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /squall/target/release/squall /squall/target/release/services /usr/local/bin/
# Volumes are like what they are mounted on when they are made.
COPY --from=build --chown=65534:65534 /files /files
USER 65534:65534
ENV PATH=/usr/local/bin SERVICE_PROBE=http://127.0.0.1:8080/readyz
HEALTHCHECK --interval=5s --timeout=3s CMD ["services", "probe"]
CMD ["services", "--help"]
