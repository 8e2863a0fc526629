#!/usr/bin/env bash
# Brings a bare Debian 12 to where `uv` runs and every wheel finds its system libraries.
# Prints the path of uv. Installs with apt only as root or through sudo; otherwise says which one command to run.
# Packages that are named are brought along where that can be done, and missed quietly where it cannot.
set -euo pipefail

libraries="libusb-1.0-0 libgl1 libglib2.0-0 libgomp1 libegl1 libxi6 libxxf86vm1 libxfixes3 libxrender1 libxkbcommon0 libsm6"
python="${PYTHON:-python3.11}"
tools=.tools

missing=""
if command -v dpkg-query >/dev/null 2>&1; then
  for library in $libraries; do
    dpkg-query -W -f='${db:Status-Status}' "$library" 2>/dev/null | grep -qx installed || missing="$missing $library"
  done
fi
if ! command -v uv >/dev/null 2>&1 && [ ! -x "$tools/bin/uv" ] && ! "$python" -m pip --version >/dev/null 2>&1; then
  missing="$missing python3-pip"
fi

as_root="nobody"
if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo"; fi
for package in "$@"; do
  if [ "$as_root" != nobody ] && command -v dpkg-query >/dev/null 2>&1; then
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
  fi
done

if [ -n "$missing" ]; then
  install="apt-get install -y --no-install-recommends$missing"
  if [ "$as_root" != nobody ]; then
    echo "Installing system packages:$missing" >&2
    $as_root apt-get update -qq >&2
    $as_root env DEBIAN_FRONTEND=noninteractive $install -qq >/dev/null
  else
    echo "These system packages are missing; run this once, then make again:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 2
  fi
fi

if command -v uv >/dev/null 2>&1; then
  command -v uv
else
  [ -x "$tools/bin/uv" ] || "$python" -m pip install -q --root-user-action=ignore --target "$tools" uv >&2
  echo "$PWD/$tools/bin/uv"
fi
