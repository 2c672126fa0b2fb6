# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# On the host: shows that the demo is alive. On a terminal that is one line which is written anew; in
# a log it is a line every 15 s.

PROGRESS_OPEN=		# the last thing on the terminal is a progress line
PROGRESS_LAST=-15	# when the log got its last line, in $SECONDS
TICKER=			# process that counts the seconds of a step

progress() {
	if [ -t 1 ]; then
		printf '\r\033[K  %.76s' "$*"
		PROGRESS_OPEN=yes
	elif [ $((SECONDS - PROGRESS_LAST)) -ge 15 ]; then
		printf '  %s\n' "$*"
		PROGRESS_LAST=$SECONDS
	fi
}

# Takes the progress line away.
progress_done() {
	[ -z "$PROGRESS_OPEN" ] || printf '\r\033[K'
	PROGRESS_OPEN=
}

tick_loop() {
	local begin=$SECONDS line
	trap - EXIT
	PROGRESS_LAST=$SECONDS
	while sleep 1; do
		line=
		[ -z "$2" ] || line=$(tail -n 1 "$2" 2>/dev/null | tr -cd '[:print:]')
		progress "$1: $((SECONDS - begin)) s${line:+  $line}"
	done
}

# tick WHAT [LOG]: a step begins that does not show its own progress; the last line of LOG does.
tick() {
	tick_end
	tick_loop "$1" "${2:-}" &
	TICKER=$!
	[ ! -t 1 ] || PROGRESS_OPEN=yes
}

tick_end() {
	if [ -n "$TICKER" ]; then
		kill "$TICKER" 2>/dev/null || true
		wait "$TICKER" 2>/dev/null || true
	fi
	TICKER=
	progress_done
}

# Filters what the guest says: "progress: TEXT" is progress, all else is printed as it is.
show_progress() {
	local line
	while IFS= read -r line; do
		# The first line ends the step that was waiting for it.
		tick_end
		if [[ $line == "progress: "* ]]; then
			progress "${line#progress: }"
		else
			progress_done
			printf '%s\n' "$line"
		fi
	done
	progress_done
}
