# SPDX-License-Identifier: GPL-2.0-only
# For shell scripts that are tests: TAP, a directory that goes away with the
# script, and the server in it. Needs $here, where the script is.
# shellcheck shell=bash disable=SC2034,SC2154

PATH=$PATH:/usr/sbin
certs=$here/certs
[ -x "$certs" ] || certs=$here/../scripts/certs

skip() { echo "TAP version 13"; echo "1..0 # SKIP $*"; exit 4; }

needs() {	# COMMAND...
	local cmd
	modprobe -q tls || [ -e /proc/net/tls_stat ] ||
		skip "this kernel has no TLS"
	for cmd; do
		command -v "$cmd" > /dev/null || skip "$cmd is not installed"
	done
}

# Ends $server, if there is one, with the script.
enter_directory() {
	dir=$(mktemp -d /tmp/ktls-test.XXXXXX)
	server=
	trap finish EXIT
	cd "$dir" || exit 1
}

finish() {
	[ "$server" ] && kill "$server" 2> /dev/null && wait "$server"
	rm -rf "$dir"
}

number=0 failed=0
report() {	# STATUS WHAT...
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number ${*:2}"
	else
		echo "not ok $number ${*:2}"
		failed=$((failed + 1))
	fi
}
