# shellcheck shell=bash
# Reads what the guest reports, prints it as it comes, and keeps the results.
#
# The guest's driver writes lines to the results channel:
#   begin NAME           a test starts
#   ok NAME SECONDS      it passed
#   fail NAME SECONDS REASON
#   skip NAME REASON
#   | TEXT               a line of output, of a test that failed or of a script
#   keep KEY VALUE       to be handed to the next boot (power-cut tests)
#   cut                  cut the power, now
#   exit STATUS          the script has ended
#   stuck REASON         the guest can go on with no other test
#   done                 all that was asked for has been reported

declare -A RESULT=()		# test name: ok, fail or skip
FAILED=0 PASSED=0 SKIPPED=0
CURRENT=			# the test that is running, empty between tests
SCRIPT_STATUS=			# what the script left, empty while it runs
EXPECT_CUT=			# set while a boot must end by a power cut
ENDED=				# why the boot ended: done, cut, stuck, silent, or empty: it died

# record NAME ok|fail|skip TEXT
record() {
	RESULT[$1]=$2
	case $2 in
	ok) PASSED=$((PASSED + 1)) && say "ok $1 $3" ;;
	skip) SKIPPED=$((SKIPPED + 1)) && say "skip $1 $3" ;;
	fail) FAILED=$((FAILED + 1)) && say "not ok $1 $3" ;;
	esac
}

# Kernel messages that no test may cause, since byte $1 of the console; without their time stamps.
splats_since() {
	tail -c "+$(($1 + 1))" "$RUN/console" | tr -d '\r' |
		grep -aEf <(patterns "$GUEST/splats") | grep -avEf <(patterns "$GUEST/splats.harmless") |
		sed 's/^\[ *[0-9.]*\] //' || true
}

# A file of patterns without its comments; never empty, for that would match everything.
patterns() {
	sed -e '/^#/d' -e '/^$/d' "$1"
	echo '^no line is like this$'
}

# The kernel's messages may reach the console after the driver's report, so wait for the end marker
# that the driver left among them.
await_marker() {
	local tries=100
	until grep -aqF "lclone-test: end $1" "$RUN/console" || [ $((tries -= 1)) -eq 0 ]; do
		read -rt 0.05 <> <(:) || true
	done
}

# finish NAME ok|fail|skip TEXT: the test's report, judged by the console too.
finish() {
	local splat why=
	await_marker "$1"
	splat=$(splats_since "$CONSOLE_SEEN" | head -n 1)
	CONSOLE_SEEN=$(stat -c %s "$RUN/console")
	CURRENT=
	if [ -n "$splat" ]; then
		show_console "$1"
		[ "$2" = fail ] && why="$3; "
		record "$1" fail "${why}the kernel complained: $splat"
	elif [ -n "$EXPECT_CUT" ] && [ "$2" = ok ]; then
		record "$1" fail "phase1 ended without a power cut"
	else
		record "$@"
	fi
}

# show_console NAME: the kernel's messages of that test, at most some hundred lines.
show_console() {
	tr -d '\r' <"$RUN/console" | sed -n "\|lclone-test: begin $1\$|,\|lclone-test: end $1\$|p" |
		head -n 120 | sed 's/^/    /'
}

# One line of the guest's. Returns 1 at the last one.
handle() {
	local word name rest
	read -r word name rest <<<"$1"
	case $word in
	begin) CURRENT=$name LIMIT=$((${TIMEOUT_OF[$name]:-60} + 60)) ;;
	ok | skip) finish "$name" "$word" "$rest" ;;
	fail) finish "$name" fail "$rest" ;;
	'|') say "${1#| }" ;;
	keep) printf '%s\t%s\n' "$name" "$rest" >>"$RUN/kept" ;;
	exit) SCRIPT_STATUS=$name LIMIT=60 ;;
	cut | stuck | done) ENDED=$word && return 1 ;;
	*) say "from the guest: $1" ;;
	esac
}

# Follows a boot to its end. LIMIT is how long the guest may be silent while no test is due to end.
follow() {
	local line rc left
	CURRENT='' ENDED='' CONSOLE_SEEN=0 LIMIT=${1:-180}
	while :; do
		left=$((DEADLINE - SECONDS))
		[ "$left" -gt 0 ] || { ENDED=late && break; }
		rc=0
		IFS= read -r -t "$((LIMIT < left ? LIMIT : left))" -u "$FROM_GUEST" line || rc=$?
		if [ "$rc" -eq 0 ]; then
			handle "$line" || break
		elif [ "$rc" -gt 128 ]; then
			ENDED=silent && break
		else
			break
		fi
	done
	[ "$ENDED" != cut ] || cut_power
}

# Why the guest stopped reporting, in words.
why_ended() {
	case $ENDED in
	silent) echo "the guest fell silent" ;;
	late) echo "out of time" ;;
	'') echo "the guest died" ;;
	*) echo "the guest ended ($ENDED)" ;;
	esac
}
