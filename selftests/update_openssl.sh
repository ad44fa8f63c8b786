#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Key updates with OpenSSL, behind a hand-off: its client updates its key, and
# asks for ours, between requests to ktls-httpd. On kernels that cannot replace
# keys the client is told so by an alert, and the log gives the reason.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
port=8544

needs ktls-httpd ktlsd openssl
kernel=$(uname -r)
can_rekey=1
printf '%s\n' 6.14 "${kernel%%[-+]*}" | sort -CV || can_rekey=

enter_directory

# Until @2 has @1 lines that match @3; false after ten seconds.
wait_for() {	# COUNT FILE PATTERN
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(grep -ac "$3" "$2")" -ge "$1" ] && return
		sleep 0.1
	done
	return 1
}

# A request before and after each key, which is K, to ask for ours, or k.
talk() {	# KEYS
	local i count=1
	printf 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'
	wait_for 1 out '^the body' || return
	for ((i = 0; i < ${#1}; i++)); do
		echo "${1:i:1}"
		sleep 0.1			# the commands are read line by line
		count=$((count + 1))
		printf 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'
		wait_for $count out '^the body' || return
	done
	echo Q
}

client() {	# KEYS CIPHER
	: > out
	talk "$1" | timeout 60 openssl s_client -msg -tls1_3 \
		-CAfile certs/ca.pem -connect "localhost:$port" \
		-ciphersuites "$2" >> out 2> err
}

updates() {	# DIRECTION
	grep -ac "^$1 TLS 1.3, Handshake .*KeyUpdate" out
}

# keys, and how many updates leave and come; more than 32 at once are too many
rows="
k 1 0
K 1 1
kkkk 4 0
KKKK 4 4
kKkK 4 2
"
suites="TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384
TLS_CHACHA20_POLY1305_SHA256"

echo "TAP version 13"
"$certs" certs > /dev/null 2>&1 || { echo "Bail out! no certificates"; exit 1; }
mkdir www
echo "the body" > www/x
ktls-httpd --root www --listen "[::]:$port" --certificate certs/cert.pem \
	--key certs/key.pem 2>> log &
server=$!
wait_for 1 log listening

if [ "$can_rekey" ]; then
	for suite in $suites; do
		while read -r keys sent got; do
			[ "$keys" ] || continue
			client "$keys" "$suite"
			[ "$(updates '>>>')" = "$sent" ] &&
				[ "$(updates '<<<')" = "$got" ] &&
				[ "$(grep -ac '^the body' out)" = $((${#keys} + 1)) ]
			report $? "$suite: $keys"
		done <<< "$rows"
	done
else
	client K TLS_AES_128_GCM_SHA256
	grep -aq 'alert internal error\|alert number 80' out err
	report $? "the client sees internal_error"
	grep -q 'this kernel cannot follow' log
	report $? "the log says why"
fi
[ $failed = 0 ] || { tail -n 5 log err; tail -n 40 out; } | sed 's/^/# /'
echo "1..$number"
[ $failed = 0 ]
