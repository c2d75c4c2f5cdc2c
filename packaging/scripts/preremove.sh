#!/bin/sh
# Stops the service where the package goes for good, and takes out of the kernel what an agent
# that was killed has left there.
set -e

# dpkg says "upgrade", rpm how many there will be.
case "$1" in remove | 0) ;; *) exit 0 ;; esac
[ ! -d /run/systemd/system ] || systemctl disable --now tfo-agent.service
tfo-agent unpin >/dev/null 2>&1 || echo "tfo-agent: pins are left, see: tfo-agent unpin" >&2
