#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The completion of ktlsstat, as bash would call it. No kernel is asked.
set -u

skip() { printf 'TAP version 13\n1..0 # SKIP %s\n' "$1"; exit 4; }

command -v ktlsstat > /dev/null || skip "ktlsstat is not installed"
for prefix in "$(dirname "$(command -v ktlsstat)")/.." /usr; do
	file=$prefix/share/bash-completion/completions/ktlsstat
	[ -e "$file" ] && break
done
[ -e "$file" ] || skip "no completion is installed"
# shellcheck disable=SC1090  # where it was installed
. "$file"
compopt() { :; }	# wants a completion that is under way

number=0 failed=0
result() {	# ok|not ok SENTENCE
	number=$((number + 1))
	echo "$1 $number $2"
	[ "$1" = ok ] || failed=1
}

# Puts what bash would offer behind these words, the last being unfinished,
# into $offered, sorted.
offer() {
	COMP_WORDS=(ktlsstat "$@")
	# shellcheck disable=SC2034  # read by the completion
	COMP_CWORD=$#
	COMPREPLY=()
	_ktlsstat
	offered=$(printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"} | sort |
		tr '\n' ' ')
	offered=${offered% }
}

is() {	# SENTENCE WANTED WORD...
	local sentence=$1 wanted=$2
	shift 2
	offer "$@"
	if [ "$offered" = "$wanted" ]; then
		result ok "$sentence"
	else
		result 'not ok' "$sentence"
		echo "# wanted '$wanted', got '$offered'"
	fi
}

has() {	# SENTENCE WANTED... -- WORD...
	local sentence=$1 wanted=() missing=
	shift
	while [ "$1" != -- ]; do wanted+=("$1"); shift; done
	shift
	offer "$@"
	for word in "${wanted[@]}"; do
		[[ " $offered " == *" $word "* ]] || missing+=" $word"
	done
	if [ "$missing" ]; then
		result 'not ok' "$sentence"
		echo "#$missing is missing from '$offered'"
	else
		result ok "$sentence"
	fi
}

echo "TAP version 13"
if [ "$(complete -p ktlsstat)" = "complete -F _ktlsstat ktlsstat" ]; then
	result ok "bash knows whom to ask"
else
	result 'not ok' "bash knows whom to ask"
fi
has "commands" show list dump monitor label help -- ''
is "a command" list li
is "a command behind an option" list -j li
is "a command behind a value" list -N x li
has "options of all" --json --netns --columns --help -- -
has "options of a command" --json --columns --sort --tree -- list --
is "options of no other command" '' monitor --sor
is "an option" --no-header dump --no
has "columns" cookie tx-bytes label -- list -o ''
is "a column" tx-bytes list --columns tx-b
is "one more column" local,tx-bytes list -o local,tx-b
is "an added column" +tx-bytes list -o +tx-b
is "an order" tx-bytes list -s tx-b
is "an order, the largest first" -tx-bytes list -s -tx-b
is "groups" 'label process user' list --tree ''
is "forms of time" 'iso unix' monitor -t ''
is "a filter" cipher= list ciph
is "no filter of show" '' show ciph
is "a command to be helped with" monitor help mon

mkdir -p /run/netns 2> /dev/null
if : > /run/netns/ktls-completion; then
	is "a network namespace" ktls-completion list -N ktls-comp
	rm -f /run/netns/ktls-completion
else
	result ok "a network namespace # SKIP needs root"
fi
echo "1..$number"
exit $failed
