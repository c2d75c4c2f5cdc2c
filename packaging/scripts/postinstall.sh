#!/bin/sh
# Makes the user that the service runs as. The service is not started by a first installation: what it
# measures, and for whom, is up to whoever installs it (systemctl enable --now tfo-agent).
set -e
user=tfo-agent

# As sysusers.d has it, where there is no systemd to read that.
getent passwd "$user" >/dev/null ||
    useradd --system --user-group --no-create-home --home-dir /var/lib/tfo-agent --shell /usr/sbin/nologin "$user"

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
# dpkg says "configure" and the version that was there before, rpm how many there are now.
case "$1,$2" in
    configure,) ;;
    configure,* | [2-9]*) systemctl try-restart tfo-agent.service ;;
esac
