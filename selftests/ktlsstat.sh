#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ktlsstat as a command: what it says, where it says it, how it ends. Without
# the module, without kernel TLS, without privilege, and used wrongly.
# shellcheck disable=SC2317  # check calls its conditions by name
set -u

skip() { printf 'TAP version 13\n1..0 # SKIP %s\n' "$1"; exit 4; }

[ "$(id -u)" = 0 ] || skip "needs root"
command -v ktlsstat > /dev/null || skip "ktlsstat is not installed"
modprobe ktls_stats 2> /dev/null || skip "no module ktls_stats here"

tmp=$(mktemp -d)
helper=$(cat /proc/sys/kernel/modprobe)
failed=0 number=0
restore() {
	echo "$helper" > /proc/sys/kernel/modprobe
	modprobe ktls_stats
	rm -rf "$tmp"
}
trap restore EXIT

# Runs "$@"; its words are in $out and $err, its status in $status.
run() {
	"$@" > "$tmp/out" 2> "$tmp/err"
	status=$?
	out=$(cat "$tmp/out") err=$(cat "$tmp/err")
}

result() {	# ok|not ok SENTENCE
	number=$((number + 1))
	echo "$1 $number $2"
	[ "$1" = ok ] && return
	failed=1
	printf '# status %s\n' "$status"
	sed 's/^/# out: /' "$tmp/out"
	sed 's/^/# err: /' "$tmp/err"
}

# SENTENCE CONDITION...: a test whose outcome is that of a command.
check() {
	local sentence=$1
	shift
	if "$@"; then result ok "$sentence"; else result 'not ok' "$sentence"; fi
}

ends() { [ "$status" = "$1" ]; }
one_line() { [ "$(wc -l < "$tmp/err")" = 1 ] && [[ $err == *"$1"* ]]; }
silent() { [ ! -s "$tmp/$1" ]; }
refused() { ends "$1" && silent out && one_line "$2"; }
json() { python3 -c "import json, sys
j = json.load(open('$tmp/out')); sys.exit(not ($1))"; }
json_error() { ends "$1" && silent err && json "list(j) == ['error'] and '$2' in j['error']"; }
nobody() { run setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
loaded() { grep -q '^ktls_stats ' /proc/modules; }

echo "TAP version 13"
# With kernel TLS and without the module, which nobody may load.
modprobe tcp_diag
echo > /proc/sys/kernel/modprobe
rmmod ktls_stats

counters() { awk '{ print $1, $2 }' "$1"; }
tells_tls_stat() {
	ends 0 && one_line "modprobe ktls_stats" && [ "$(counters "$tmp/out")" \
		= "$(counters /proc/net/tls_stat)" ] && [ "$out" ]
}
tls_stat_dict="{k: int(v) for k, v in map(str.split, open('/proc/net/tls_stat'))}"
tells_tls_stat_as_json() {
	ends 0 && silent err && json "j['module'] is False and
		j['tls_stat'] == $tls_stat_dict and len(j) == 2"
}

run ktlsstat
check "without the module: says so, shows /proc/net/tls_stat" tells_tls_stat
nobody ktlsstat show
check "without the module: to everybody" tells_tls_stat
run ktlsstat --json
check "without the module: as JSON" tells_tls_stat_as_json
for command in dump monitor 'label 1 x'; do
	# shellcheck disable=SC2086  # several words
	run ktlsstat $command
	check "without the module: no $command" refused 1 "modprobe ktls_stats"
done
run ktlsstat monitor -j
check "without the module: no monitor in JSON" \
	json_error 1 "modprobe ktls_stats"
lists_nothing() { ends 0 && one_line "modprobe ktls_stats" && json "j == []"; }
run ktlsstat list -j
check "without the module: list, less exact" lists_nothing

if rmmod tls 2> /dev/null; then
	run ktlsstat
	check "without kernel TLS: says so" refused 1 "modprobe tls"
	run ktlsstat -j
	check "without kernel TLS: in JSON" json_error 1 "modprobe tls"
else
	status=-
	result ok "without kernel TLS # SKIP the module tls is in use"
fi

# The module comes with the first question.
echo "$helper" > /proc/sys/kernel/modprobe
loaded_by_asking() { ends 0 && silent err && loaded; }
run ktlsstat show
check "asking loads the module" loaded_by_asking

# Without privilege.
nobody ktlsstat
check "everybody may see the totals" ends 0
nobody ktlsstat show -j
check "everybody may see them as JSON" json "j['module'] is True"
for command in list dump; do
	nobody ktlsstat $command
	check "$command needs privilege" refused 1 CAP_NET_ADMIN
	check "$command says what does not" one_line "ktlsstat show"
done
nobody ktlsstat -j list
check "list needs privilege, in JSON" json_error 1 CAP_NET_ADMIN
run setpriv --reuid 65534 --clear-groups --inh-caps +net_admin \
	--ambient-caps +net_admin ktlsstat list
check "CAP_NET_ADMIN is enough for list" ends 0

# Used wrongly: exit status 2, one line that names the culprit.
while IFS='|' read -r words culprit; do
	# shellcheck disable=SC2086  # several words
	run ktlsstat $words
	check "wrong: ktlsstat $words" refused 2 "$culprit"
done <<- EOF
	--nonsense|'--nonsense'
	-x|'-x'
	-Hx list|'-x'
	--json=3|--json
	nonsense|'nonsense'
	list list|list
	show -n|--numeric
	show -s age|--sort
	label|COOKIE
	dump -N|--netns
	help nonsense|'nonsense'
	dump --bytes|--bytes
	dump -H extra|extra
EOF
run ktlsstat ''
check "wrong: an empty command" refused 2 "may mean"
run ktlsstat dump -j
check "wrong: JSON of a command that has none" json_error 2 "dump has no --json"
run ktlsstat --nonsense --json
check "wrong: in JSON, wherever that is asked for" json_error 2 nonsense
run ktlsstat $'\e[31m'
check "wrong: a terminal's escape sequence is shown harmless" \
	refused 2 '\x1b[31m'

# Used rightly.
says() { ends 0 && silent err && [[ $out == *"$1"* ]]; }
for words in --help -h help he 'list --help' 'help list'; do
	# shellcheck disable=SC2086
	run ktlsstat $words
	check "right: ktlsstat $words" says "Usage: ktlsstat"
done
run ktlsstat show --help
check "right: the help of a command has its options" says --bytes
no_others() { [[ $out != *--sort* && $out != *--netns*--tree* ]]; }
check "right: and no others" no_others
run ktlsstat --version
check "right: ktlsstat --version" says "ktlsstat "
run ktlsstat -H s
check "right: abbreviated, and no titles" says "all "
no_titles() { ! grep -q VERSION "$tmp/out"; }
check "right: -H leaves out the titles" no_titles
run ktlsstat li -jp
check "right: options behind a command" json "type(j) is list"
run sh -c 'ktlsstat > /dev/full'
full() { ends 1 && one_line "No space left"; }
check "a full disk is an error" full

echo "1..$number"
exit $failed
