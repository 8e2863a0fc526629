# synth with all its stages, for a machine with an NVIDIA GPU and the NVIDIA Container Toolkit:
#
#   docker build -t synth .
#   docker run --rm -it --gpus all --user "$(id -u):$(id -g)" -v "$PWD":/job synth compare --preset quick
#
# The wheels of PyTorch and Blender bring CUDA with them; the host gives the driver. So the base is plain
# Debian 12, whose Python is the one that the wheels are for. A camera needs --privileged -v /dev:/dev too.
FROM debian:12-slim

ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates make python3.11 python3-pip \
    && rm -rf /var/lib/apt/lists/*

# What the environment is made of comes first, so that it is built again only when one of these changes.
WORKDIR /synth
COPY Makefile pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY scripts scripts
COPY src/synth/__init__.py src/synth/__init__.py
RUN make .venv/.ready-all
COPY . .

# Settings and caches of libraries go where any user may write.
ENV HOME=/tmp USER=synth
WORKDIR /job
ENTRYPOINT ["/synth/.venv/bin/synth"]
CMD ["--help"]
