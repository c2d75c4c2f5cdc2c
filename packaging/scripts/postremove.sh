#!/bin/sh
# After the files: systemd forgets the unit, and a purge takes the user and what the service has stored.
set -e

[ ! -d /run/systemd/system ] || systemctl daemon-reload
# Only dpkg purges; rpm keeps users and what services have stored.
[ "$1" = purge ] || exit 0
rm -rf /var/lib/tfo-agent
rmdir /etc/tfo-agent 2>/dev/null || true
! getent passwd tfo-agent >/dev/null || userdel tfo-agent
