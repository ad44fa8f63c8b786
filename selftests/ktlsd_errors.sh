#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What cannot work ends ktlsd at its start: one line that names what and where,
# status 1 (the system) or 2 (usage, configuration), and nothing left behind.
set -u

skip() { printf 'TAP version 13\n1..0 # SKIP %s\n' "$1"; exit 4; }

ktlsd=${KTLSD:-ktlsd}
here=$(cd "$(dirname "$0")" && pwd)
certs=$here/certs
[ -x "$certs" ] || certs=$here/../scripts/certs
command -v "$ktlsd" > /dev/null || skip "$ktlsd is not installed"
command -v openssl > /dev/null || skip "needs openssl, to make certificates"

tmp=$(mktemp -d)
helper=
restore() {
	[ "$helper" ] && echo "$helper" > /proc/sys/kernel/modprobe
	jobs -p | xargs -r kill
	rm -rf "$tmp"
}
trap restore EXIT
chmod 755 "$tmp"
cd "$tmp" || exit 1
"$certs" "$tmp" && "$certs" "$tmp/other" || exit 1
openssl pkey -in key.pem -aes256 -passout pass:x -out locked.pem
echo 'no PEM at all' > text
touch conf before after out err
port=18443

# The lines of a configuration that is good, but for what "$@" replaces.
config() {
	local line
	{
		echo '[service web]'
		for line in "listen = 127.0.0.1:$port" 'certificate = cert.pem' \
			'key = key.pem' 'handoff = server'; do
			[[ " $* " == *" ${line%% *}="* ]] || echo "$line"
		done
		for line in "$@"; do
			echo "${line/=/ = }"
		done
	} > conf
}

failed=0 number=0 skipped=0
result() {	# ok|not ok SENTENCE
	number=$((number + 1))
	echo "$1 $number $2"
	[ "$1" = ok ] && return
	failed=1
	sed 's/^/# out: /' out
	sed 's/^/# err: /' err
	echo "# status $status"
}

omit() { number=$((number + 1)) skipped=$((skipped + 1)); echo "ok $number # SKIP $1: $2"; }

# Runs "$@", which is expected to end. What it listens on would show.
run() {
	ls > before
	timeout 30 "$@" > out 2> err
	status=$?
	ls > after
}

clean() { cmp -s before after && ! grep -qi ":$(printf %x $port) .* 0A " /proc/net/tcp; }

# SENTENCE STATUS TEXT COMMAND...: it ends so, with one line that has TEXT.
fails() {
	local sentence=$1 want=$2 text=$3
	shift 3
	run "$@"
	if [ $status = "$want" ] && [ ! -s out ] && clean &&
		[ "$(wc -l < err)" = 1 ] && grep -qF -- "$text" err; then
		result ok "$sentence"
	else
		result 'not ok' "$sentence: status $want, \"$text\""
	fi
}

# SENTENCE STATUS TEXT OPTION...: with this configuration.
refuses() {
	local sentence=$1 status=$2 text=$3
	shift 3
	config "$@"
	fails "$sentence" "$status" "$text" "$ktlsd" -c conf
}

# SENTENCE LINE TEXT: with this file, which came on standard input.
rejects() {
	cat > conf
	fails "$1" 2 "conf:$2: $3" "$ktlsd" -c conf
}

echo "TAP version 13"

# --- certificate and key ---------------------------------------------------
refuses "missing certificate" 1 "certificate none.pem: No such file" certificate=none.pem
refuses "missing key" 1 "web: key none.pem: No such file" key=none.pem
refuses "certificate without PEM" 1 "certificate text: no usable PEM" certificate=text
refuses "key without PEM" 1 "key text: no usable PEM" key=text
refuses "certificate that is a directory" 1 "certificate other: Is a directory" certificate=other
refuses "endless key" 1 "key /dev/zero: File too large" key=/dev/zero
refuses "encrypted key" 1 "key locked.pem: it is encrypted" key=locked.pem
refuses "key of another certificate" 1 \
	"key other/key.pem does not belong to certificate cert.pem" key=other/key.pem
config key=other/key.pem
fails "the test of a configuration finds it too" 1 "does not belong" "$ktlsd" -t -c conf
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
	config
	fails "unreadable key" 1 "key key.pem: Permission denied" \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$ktlsd" -c conf
else
	omit "unreadable key" "needs root and setpriv"
fi

# --- the text of the configuration -------------------------------------------
refuses "unknown option" 2 'conf:6: unknown option "colour"; valid: listen,' colour=red
refuses "option without a value" 2 "conf:5: key has no value" key=
refuses "option given twice" 2 "conf:7: max_handshakes is given twice" \
	max_handshakes=1 max_handshakes=2
refuses "number too large" 2 "conf:6: max_handshakes = 65537; valid: a number from 1 to 65536" \
	max_handshakes=65537
refuses "number too small" 2 "conf:6: handshake_timeout = 0" handshake_timeout=0
refuses "number with a unit" 2 "conf:6: handshake_timeout = 10s" handshake_timeout=10s
for address in 127.0.0.1 localhost:443 ::1:443 [::1] 127.0.0.1:65536 127.0.0.1: [::1:443 127.0.0.1:1x; do
	refuses "address $address" 2 "conf:5: \"$address\" is no address" listen=$address
done

# Of each option that is a choice, a number or a list of words: what it is not.
while IFS='|' read -r option valid; do
	refuses "$option" 2 "conf:6: $valid" "$option"
done <<-'EOF'
	strict_sni=maybe|strict_sni = maybe; valid: no, yes
	client_auth=always|client_auth = always; valid: none, request, require
	min_version=1.1|min_version = 1.1; valid: 1.2, 1.3
	max_version=TLS1.3|max_version = TLS1.3; valid: 1.2, 1.3
	rsa_key_transport=1|rsa_key_transport = 1; valid: no, yes
	tickets=on|tickets = on; valid: no, yes
	zerocopy=true|zerocopy = true; valid: no, yes
	ticket_lifetime=0|ticket_lifetime = 0; valid: a number from 1 to 604800
	ticket_lifetime=604801|ticket_lifetime = 604801; valid: a number from 1
	trace_max=0|trace_max = 0; valid: a number from 1 to 1048576
	max_handshakes=4294967297|max_handshakes = 4294967297; valid: a number
	ciphers=AES-128-GCM RC4|ciphers: unknown cipher "RC4"; valid: AES-128-GCM, AES-256-GCM,
	ciphers=AES-128-GCM aes-128-gcm|ciphers: cipher "aes-128-gcm" is given twice
	groups=X448|groups: unknown group "X448"; valid: 
	pins=abc|"abc" is no pin; valid: a SHA-256 of 64 hexadecimal digits
	ca=ca.pem|ca has no use without client_auth = request or require
EOF
refuses "cipher given twice, in two lines" 1 'web: cipher "AES-128-GCM" is given twice' \
	ciphers=AES-128-GCM ciphers=AES-128-GCM
refuses "pin that is too long" 2 'conf:6: "0' pins="$(printf '%065d' 0)"
refuses "pins without client_auth" 2 "conf:6: pins has no use" pins="$(printf '%064d' 0)"
refuses "ticket_key without tickets" 2 \
	"conf:6: ticket_key has no use with tickets = no" ticket_key=none tickets=no
refuses "ticket_lifetime without tickets" 2 \
	"conf:1: ticket_lifetime has no use with tickets = no" tickets=no ticket_lifetime=5
refuses "client_auth without ca" 2 'conf:1: client_auth lacks its "ca": who may' \
	client_auth=require
refuses "min_version above max_version" 2 "conf:1: min_version is above max_version" \
	min_version=1.3 max_version=1.2

# --- files of options, several certificates ------------------------------------
refuses "missing ca" 1 "conf:6: web: ca none.pem: No such file" ca=none.pem client_auth=require
refuses "ca without PEM" 1 "conf:6: web: ca text: no usable PEM" ca=text client_auth=request
refuses "missing ticket key" 1 "conf:6: web: ticket key none: No such file" ticket_key=none
refuses "ticket key that is too short" 1 "conf:6: web: ticket key text: it must be 64" ticket_key=text
refuses "missing staple" 1 "conf:6: web: OCSP response none.der: No such file" staple=none.der
refuses "staple that is none" 1 "conf:6: web: OCSP response text: it is no OCSP" staple=text
refuses "RSA key transport without an RSA key" 1 "web: RSA key transport needs" \
	rsa_key_transport=yes
refuses "PKCS #11 URL of no token" 1 "conf:5: web: key pkcs11:token=nowhere;object=k" \
	"key=pkcs11:token=nowhere;object=k?pin-value=1234"
config trace=none/trace
fails "trace in no directory" 1 "web: trace none/trace: No such file" "$ktlsd" -t -c conf
config trace=other
fails "trace that is a directory" 1 "web: trace other: Is a directory" "$ktlsd" -t -c conf
ln -s nowhere link
config trace=link
fails "trace that is a symbolic link" 1 "trace link: it must not be a symbolic" \
	"$ktlsd" -t -c conf
mkfifo fifo
config trace=fifo
fails "trace that is a pipe" 1 "web: trace fifo: " "$ktlsd" -t -c conf
refuses "staple that is a pipe" 1 "web: OCSP response fifo: it is no regular file" staple=fifo

rejects "second certificate without its key" 5 'certificate cert.pem lacks its "key"' <<-'EOF'
	[service web]
	listen = 127.0.0.1:1
	certificate = cert.pem
	key = key.pem
	certificate = cert.pem
	handoff = server
EOF
rejects "two keys for one certificate" 4 'key is given twice for one certificate' <<-'EOF'
	[service web]
	certificate = cert.pem
	key = key.pem
	key = key.pem
EOF
rejects "two staples for one certificate" 4 'staple is given twice for one' <<-'EOF'
	[service web]
	staple = staple.der
	certificate = cert.pem
	staple = staple.der
EOF
{
	echo '[service web]'
	for _ in $(seq 65); do printf 'certificate = cert.pem\nkey = key.pem\n'; done
} > many
rejects "more certificates than there may be" 130 'more than 64 certificates' < many
for pair in '127.0.0.1:5 127.0.0.1:5' '0.0.0.0:5 127.0.0.1:5' '127.0.0.1:5 [::]:5' '[::]:5 [::1]:5'; do
	refuses "addresses $pair" 2 "is in use by [service web], as ${pair% *}" \
		"listen=$pair"
done
rejects "address of another service" 7 'shop: 127.0.0.1:5 is in use by [service web], as 0.0.0.0:5' <<-'EOF'
	[service web]
	listen = 0.0.0.0:5
	certificate = cert.pem
	key = key.pem
	handoff = server
	[service shop]
	listen = 127.0.0.1:5
	certificate = cert.pem
	key = key.pem
	handoff = server
EOF
rejects "unknown section" 2 'unknown section [server web]; valid: [service NAME]' <<-'EOF'
	# comment
	[server web]
	; comment

	key = key.pem
EOF
for text in ' listen = 127.0.0.1:1' ']' '; comment'; do
	rejects "text behind the name: $text" 1 \
		"text behind the section's name" <<< "[service web]$text"
done
rejects "option before any section" 1 "an option before any section" <<< 'key = key.pem'
rejects "section without options" 1 "a section without options" <<< '[service web]'
rejects "section that lacks an option" 1 '[service web] lacks the option "listen"' <<-'EOF'
	[service web]
	key = key.pem
EOF
rejects "second section of one name" 8 "a second section [service web]" <<-'EOF'
	# comment

	[service web]
	listen = 127.0.0.1:1
	certificate = c
	key = k
	handoff = h
	[service web]

	key = k
EOF
rejects "line that is neither" 2 "neither" <<-'EOF'
	[service web]
	certificate
	listen = 127.0.0.1:1
	certificate = c
	key = k
	handoff = h
EOF
rejects "line that is too long" 2 "the line is longer than" <<-EOF
	[service web]
	key = $(printf '%0300d' 0)
EOF
rejects "name that is too long" 1 "a service name is at most 40 bytes long" <<-EOF
	[service $(printf '%041d' 0)]
	key = key.pem
EOF
: > conf
fails "empty configuration" 2 "conf: no [service NAME] in it" "$ktlsd" -c conf
fails "no configuration" 1 "configuration none: No such file" "$ktlsd" -c none

# --- the command line ----------------------------------------------------------
fails "unknown command-line option" 2 "'x'" "$ktlsd" -x
fails "surplus argument" 2 'what is "start"?' "$ktlsd" start

says() {	# SENTENCE TEXT COMMAND...
	local sentence=$1 text=$2
	shift 2
	run "$@"
	if [ $status = 0 ] && [ ! -s err ] && clean && grep -qF -- "$text" out; then
		result ok "$sentence"
	else
		result 'not ok' "$sentence"
	fi
}
config 'listen=127.0.0.1:1 [::]:2' 'listen=127.0.0.1:3'
says "good configuration" "configuration conf is good" "$ktlsd" -t -c conf
sed -i 's/^[^[]/\t&/; s/^\[.*/& # comment/; a # comment' conf
says "indented configuration with comments" "is good" "$ktlsd" --test --config=conf
head -c 64 /dev/urandom > tickets
cat > conf <<-EOF
	[service web]
	listen = 127.0.0.1:1 [::1]:1
	certificate = cert.pem
	key = key.pem
	certificate = other/cert.pem
	key = other/key.pem
	strict_sni = yes
	alpn = h2
	alpn = http/1.1
	client_auth = require
	ca = ca.pem
	pins = $(printf '%064d' 0) $(printf '%064x' 10)
	pins = $(printf '%064X' 10)
	ciphers = CHACHA20-POLY1305 AES-256-GCM
	groups = X25519 P-256
	min_version = 1.2
	max_version = 1.3
	rsa_key_transport = no
	tickets = yes
	ticket_key = tickets
	ticket_lifetime = 3600
	zerocopy = no
	trace = trace.json
	trace_max = 10
	handshake_timeout = 5
	max_handshakes = 10
	handoff = server
EOF
says "every option" "is good" "$ktlsd" -t -c conf
says "version" "ktlsd " "$ktlsd" --version
says "help" "Usage: ktlsd" "$ktlsd" --help

# --- the system ------------------------------------------------------------------
if [ "$(id -u)" = 0 ] && command -v modprobe > /dev/null &&
	{ modprobe -r ktls_stats; modprobe -r tls; } 2> /dev/null; then
	helper=$(cat /proc/sys/kernel/modprobe)
	echo > /proc/sys/kernel/modprobe
	refuses "no tls module" 1 'try "modprobe tls"'
	echo "$helper" > /proc/sys/kernel/modprobe
elif ! modprobe tls 2> /dev/null; then
	refuses "no tls module" 1 'try "modprobe tls"'
else
	omit "no tls module" "it cannot be unloaded"
fi

if modprobe tls 2> /dev/null && command -v python3 > /dev/null; then
	refuses "hand-off socket absent" 1 \
		"web: cannot reach the server at hand-off socket server: No such file"
	refuses "hand-off descriptor that is none" 1 \
		"hand-off socket fd:77: Bad file descriptor" handoff=fd:77
	refuses "hand-off descriptor that is no number" 1 \
		"hand-off socket fd:x: Invalid argument" handoff=fd:x
	config handoff=fd:0
	fails "hand-off descriptor that is no socket" 1 \
		"hand-off socket fd:0: Socket operation on non-socket" "$ktlsd" -c conf
	fails "hand-off descriptor that is not connected" 1 \
		"hand-off socket fd:0: Transport endpoint is not connected" python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.dup2(s.fileno(), 0)
os.execvp(sys.argv[1], sys.argv[1:])' "$ktlsd" -c conf
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind("stream"); s.listen()
t = socket.create_server(("127.0.0.1", 18444))
print(flush=True); time.sleep(60)' > ready &
	until [ -s ready ]; do sleep 0.1; done
	refuses "hand-off socket of another type" 1 \
		"hand-off socket stream: Protocol wrong type" handoff=stream
	refuses "port in use" 1 \
		"web: cannot listen on 127.0.0.1:18444: Address already in use" \
		listen=127.0.0.1:18444
	refuses "address of another host" 1 \
		"cannot listen on 192.0.2.1:443: Cannot assign" listen=192.0.2.1:443
else
	omit "start" "no TLS in this kernel, or no python3"
fi

echo "1..$number"
exit $failed
