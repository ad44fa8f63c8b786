#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Other people's clients against ktls-httpd: each TLS version and cipher they
# have, each size that is special, the same bytes at both ends; the kernel
# did the encryption, and the file server knew nothing of it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
port=8543
sizes="0 1 16383 16384 16385"
big=67108864

needs ktls-httpd ktlsd openssl curl gnutls-cli strace python3

# version, cipher as ktlsd and GnuTLS name it, OpenSSL's name
ciphers="
1.3 AES-128-GCM       TLS_AES_128_GCM_SHA256
1.3 AES-256-GCM       TLS_AES_256_GCM_SHA384
1.3 CHACHA20-POLY1305 TLS_CHACHA20_POLY1305_SHA256
1.3 AES-128-CCM       TLS_AES_128_CCM_SHA256
1.2 AES-128-GCM       ECDHE-ECDSA-AES128-GCM-SHA256
1.2 AES-256-GCM       ECDHE-ECDSA-AES256-GCM-SHA384
1.2 CHACHA20-POLY1305 ECDHE-ECDSA-CHACHA20-POLY1305
1.2 AES-128-CCM       ECDHE-ECDSA-AES128-CCM
"
count=$(($(grep -c . <<< "$ciphers") * 3 + 5))

enter_directory

# --- clients: get_NAME VERSION OPENSSL NAME SIZE, the body to stdout ------

get_curl() {
	local suite=--tls13-ciphers max=1.3
	[ "$1" = 1.2 ] && suite=--ciphers max=1.2
	curl -sS --fail --cacert certs/ca.pem --tlsv"$1" --tls-max $max \
		$suite "$2" "https://localhost:$port/$4"
}

# What follows the empty line; head and body may hold anything else.
body() {
	python3 -c '
import sys
data = sys.stdin.buffer.read()
sys.stdout.buffer.write(data.partition(b"\r\n\r\n")[2])'
}

request() { printf 'GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1"; }

get_openssl() {
	local suite=-ciphersuites
	[ "$1" = 1.2 ] && suite=-cipher
	request "$4" | openssl s_client -quiet -ign_eof -verify_return_error \
		-CAfile certs/ca.pem -servername localhost \
		-connect "localhost:$port" "-tls${1/./_}" $suite "$2" \
		2> openssl.err | body
}

# It ends with its input, so that stays open until the server has ended; and
# it asks for one write() a byte: 64 MB would take ten minutes in a guest.
buffered=
buffer_output() {
	cc -shared -fPIC -fno-builtin -x c - -o buffered.so 2> cc.err <<-'END' &&
	void setbuf(void *f, char *b) { (void)f; (void)b; }
	int setvbuf(void *f, char *b, int m, unsigned long n)
	{ (void)f; (void)b; (void)m; (void)n; return 0; }
	END
		buffered=$PWD/buffered.so
}

get_gnutls() {
	{ request "$4"; sleep 120 & echo $! > sleeper; wait; } |
		{ LD_PRELOAD=$buffered gnutls-cli --logfile gnutls.log --x509cafile certs/ca.pem \
			--port $port localhost --priority \
			"NORMAL:-VERS-ALL:+VERS-TLS$1:-CIPHER-ALL:+$3" \
			2> gnutls.err; kill "$(cat sleeper)"; } | body
}

sum() { sha256sum | cut -d ' ' -f 1; }
stat_of() { awk -v n="$1" '$1 == n { print $2 }' /proc/net/tls_stat; }

# Each fetch is one connection: one more of both in the kernel's statistics.
try() {		# CLIENT VERSION NAME OPENSSL SIZES
	local size ok=0 tx rx
	tx=$(stat_of TlsTxSw) rx=$(stat_of TlsRxSw)
	for size in $5; do
		[ "$("get_$1" "$2" "$4" "$3" "$size" | sum)" = \
			"$(sum < "www/$size")" ] || ok=1
		tx=$((tx + 1)) rx=$((rx + 1))
		grep -q "TLS $2, $3, .*handed over" log || ok=1
	done
	[ "$(stat_of TlsTxSw)" = "$tx" ] && [ "$(stat_of TlsRxSw)" = "$rx" ] || ok=1
	return $ok
}

"$certs" certs
buffer_output
mkdir www
for size in $sizes $big; do head -c "$size" /dev/urandom > "www/$size"; done
echo "TAP version 13"
echo "1..$count"

ktls-httpd --root www --listen "[::]:$port" --certificate certs/cert.pem \
	--key certs/key.pem 2>> log &
server=$!
for _ in $(seq 100); do grep -q listening log && break; sleep 0.1; done

# The body of the table: what try() says of each.
table=
while read -r version name openssl; do
	[ "$version" ] || continue
	row="$version $name"
	for client in openssl curl gnutls; do
		: > log
		try $client "$version" "$name" "$openssl" "$sizes"
		ok=$?
		report $ok "$client, TLS $version, $name: sizes $sizes"
		[ $ok = 0 ] && row+=" yes" || row+=" NO"
	done
	table+="$row"$'\n'
done <<< "$ciphers"

read -r version name openssl < <(grep . <<< "$ciphers")
for client in openssl curl gnutls; do
	: > log
	try $client "$version" "$name" "$openssl" $big
	report $? "$client, TLS $version, $name: 64 MB"
done

strace -o trace -p $server 2> strace.err &
tracer=$!
for _ in $(seq 100); do grep -q attached strace.err && break; sleep 0.1; done
get_curl "$version" "$openssl" "$name" 16385 | cmp -s - www/16385
report $? "a download while the file server is traced"
kill $tracer
wait $tracer 2> /dev/null

# The body goes from file to socket inside the kernel, the header is readable
# text, and no TLS record header (17 03 03) passes through the process.
sed 's/^/# /' trace | cut -c 1-100 | grep -E 'sendfile|sendto'
grep -q 'sendfile(.*= 16385$' trace &&
	grep -q 'sendto(.*"HTTP/1.1 200 OK' trace &&
	! grep -qE '(send|write|recv|read).*"\\(27|26)\\3\\3' trace &&
	! grep -qE '^(pread64|mmap)\(.*www' trace &&
	! grep -qE 'AF_ALG|setsockopt\(.*SOL_TLS' trace
report $? "strace shows sendfile and plaintext in the file server, no crypto"

{ echo "TLS cipher openssl curl gnutls-cli"; printf %s "$table"; } |
	awk '{ printf "# %-4s %-18s %-8s %-5s %s\n", $1, $2, $3, $4, $5 }'
echo "# Totals: pass:$((number - failed)) fail:$failed"
[ $failed = 0 ] && [ $number = $count ]
