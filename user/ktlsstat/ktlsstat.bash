# SPDX-License-Identifier: GPL-2.0-or-later
# Completion for bash. What there is, ktlsstat says itself: its help and its
# columns are read, so that neither is written twice.
# shellcheck shell=bash

_ktlsstat_commands() {
	ktlsstat --help 2> /dev/null | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

_ktlsstat_options() {	# COMMAND
	# shellcheck disable=SC2086  # none may be given
	ktlsstat $1 --help 2> /dev/null |
		sed -nE 's/^  (-., |    )(--[a-z-]+) .*/\2/p'
}

_ktlsstat_columns() {
	ktlsstat list --columns help 2> /dev/null | sed 's/ .*//'
}

_ktlsstat_words() {	# PREFIX WORD LIST...: those that go on from WORD
	local prefix=$1 word=$2
	shift 2
	mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$*" -- "$word")
}

# The value of an option, if that is what the word at the cursor is.
_ktlsstat_value() {	# OPTION WORD
	local list
	case $1 in
	-o|--columns)
		list=${2%"${2##*[+,]}"}
		compopt -o nospace
		_ktlsstat_words "$list" "${2##*[+,]}" "$(_ktlsstat_columns)" ;;
	-s|--sort)
		list=${2%"${2#-}"}
		_ktlsstat_words "$list" "${2#-}" "$(_ktlsstat_columns)" ;;
	-N|--netns)
		_ktlsstat_words '' "$2" "$(ls /run/netns 2> /dev/null)" ;;
	--tree) _ktlsstat_words '' "$2" label process user ;;
	-t|--time) _ktlsstat_words '' "$2" iso unix ;;
	--sessions-by) _ktlsstat_words '' "$2" label uid ;;
	--textfile) mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
	-c|--count|-d|--delay|--listen|--connection) ;;
	*) return 1 ;;
	esac
}

_ktlsstat() {
	local word=${COMP_WORDS[COMP_CWORD]} command='' i
	COMPREPLY=()
	_ktlsstat_value "${COMP_WORDS[COMP_CWORD-1]}" "$word" && return
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-[osNtcd]|--columns|--sort|--netns|--tree|--time|--count|--delay)
			((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $word:$command in
	-*) _ktlsstat_words '' "$word" "$(_ktlsstat_options "$command")" ;;
	*:) _ktlsstat_words '' "$word" "$(_ktlsstat_commands)" ;;
	*:list|*:dump|*:monitor|*:watch)
		compopt -o nospace
		_ktlsstat_words '' "$word" "$(_ktlsstat_columns | sed 's/$/=/')" ;;
	*:help) _ktlsstat_words '' "$word" "$(_ktlsstat_commands)" ;;
	esac
}

complete -F _ktlsstat ktlsstat
