# Stand-ins for public images, for compose.debian.yaml.
FROM debian:trixie-slim AS nginx
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["nginx", "-g", "daemon off;"]
