# Stand-ins for public images, for compose.debian.yaml.
FROM debian:trixie-slim AS nginx
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["nginx", "-g", "daemon off;"]

# As in the official images: a volume's owner is nobody, and commands have their makers' names.
FROM debian:trixie-slim AS prometheus
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/* \
 && install -d -o 65534 -g 65534 /prometheus

FROM debian:trixie-slim AS alertmanager
RUN apt-get update && apt-get install -y --no-install-recommends prometheus-alertmanager && rm -rf /var/lib/apt/lists/* \
 && ln -s prometheus-alertmanager /usr/bin/alertmanager \
 && install -d -o 65534 -g 65534 /alertmanager
