#!/usr/bin/env bash
# Installs what the tests need of the machine from Debian's packages, only what is missing; needs root for that.
set -euo pipefail

# A file or command that must be there, and the package that brings it.
needed=(
	"java openjdk-17-jdk-headless"
	"mvn maven"
	"chromium chromium"
	"docker-compose docker-compose"
	"redis-server redis-server"
	"/usr/sbin/nginx nginx-light"
	"promtool prometheus"
	"/usr/lib/postgresql/*/bin/initdb postgresql"
)

missing=()
for line in "${needed[@]}"; do
	read -r what package <<<"$line"
	# A name is looked for in the path, a pattern on the disk.
	compgen -G "$what" >/dev/null || command -v "$what" >/dev/null || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

echo "installing ${missing[*]}"
# The tests start servers of their own; none of the packages shall start one now.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
apt=(apt-get -qq --yes -o DPkg::Lock::Timeout=300)
# A list of somebody else that cannot be read is no reason to stop: what matters is whether the packages can be had.
"${apt[@]}" update >/dev/null 2>&1 </dev/null || echo "not every list of packages could be read"
if ! "${apt[@]}" install --no-install-recommends "${missing[@]}" >"$log" 2>&1 </dev/null; then
	tail -n 40 "$log" >&2
	exit 1
fi
rm -f "$log"
