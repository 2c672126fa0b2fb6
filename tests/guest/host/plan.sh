# shellcheck shell=bash
# Which tests there are, and in which boots they run.

NAMES=()			# every test that is to run, as users see it
declare -A ORDER_OF=()		# test name: its line for the driver
declare -A TIMEOUT_OF=()	# test name: seconds

# setting FILE NAME DEFAULT: the value of "NAME=VALUE" at the start of a line of a test file.
setting() {
	local value
	value=$(sed -n "s/^$2=\([0-9]\+\).*/\1/p" "$1" | head -n 1)
	echo "${value:-$3}"
}

# The path of a file of this tree, or of any other (see stage_repo), as the guest sees it.
guest_path() {
	case $1 in
	"$TOP"/*) echo "/repo/${1#"$TOP"/}" ;;
	*) echo "/repo/run/${1##*/}" ;;
	esac
}

# add_test NAME TIMEOUT ORDER
add_test() {
	grep -qE -e "$ONLY" <<<"$1" || return 0
	NAMES+=("$1")
	TIMEOUT_OF[$1]=$2
	ORDER_OF[$1]=$3
}

plan_file() {
	local file=$1 topic limit function round kinds=test
	topic=$(basename "$file" .sh)
	limit=$(($(setting "$file" TEST_TIMEOUT 120) * SLOWNESS))
	# Tests that take long, and repeat in a larger size or with another verb what others do, are called long_.
	[ -z "${LCLONE_LONG:-}" ] || kinds='test|long'
	case $topic in
	t-*)
		for function in $(sed -n -E "s/^(($kinds)_[a-zA-Z0-9_]+)\(\).*/\1/p" "$file"); do
			add_test "${topic#t-}/${function#*_}" "$limit" \
				"$(guest_path "$file") $function $limit"
		done
		;;
	powercut-*)
		for round in $(seq "${LCLONE_CUTS:-$(setting "$file" ROUNDS 1)}"); do
			add_test "$topic/$round" "$limit" "$(guest_path "$file")"
		done
		;;
	*) die "$file: not t-*.sh or powercut-*.sh" ;;
	esac
}

plan() {
	local file
	[ ${#FILES[@]} -gt 0 ] || FILES=("$GUEST"/t-*.sh "$GUEST"/powercut-*.sh)
	for file in "${FILES[@]}"; do
		[ ! -e "$file" ] || plan_file "$file"
	done
	[ ${#NAMES[@]} -gt 0 ] || [ -n "$SCRIPT" ] || die "no test is called like $ONLY"
}

# boot_with ORDERS [SILENCE]: one boot with these orders, followed to its end.
boot_with() {
	cp "$RUN/kept" "$RUN/repo/run/kept"
	printf '%s\n' "$1" >"$RUN/repo/run/orders"
	make_repo_disk
	boot
	follow "$((${2:-180 * SLOWNESS}))"
	boot_end
}

# Names of this kind ("t" or "powercut") that have no result yet.
waiting() {
	local name
	for name in "${NAMES[@]}"; do
		[ -z "${RESULT[$name]:-}" ] || continue
		case $name in
		powercut-*) [ "$1" != powercut ] || echo "$name" ;;
		*) [ "$1" != t ] || echo "$name" ;;
		esac
	done
}

# One boot runs all; a test that takes the guest down fails, and the rest goes on in another boot.
run_tests() {
	local left name orders
	while mapfile -t left < <(waiting t) && [ ${#left[@]} -gt 0 ]; do
		orders=$(for name in "${left[@]}"; do echo "test $name ${ORDER_OF[$name]}"; done)
		boot_with "$orders"
		[ -z "$CURRENT" ] || { show_console "$CURRENT" && record "$CURRENT" fail "$(why_ended)"; }
		if [ -z "${RESULT[${left[0]}]:-}" ] || [ "$ENDED" = late ]; then
			[ "$ENDED" = late ] || tail -n 60 "$RUN/console"
			for name in $(waiting t); do
				record "$name" fail "not run: $(why_ended)"
			done
		fi
	done
}

# One round of a power-cut test: phase1 asks for the cut, phase2 judges, on the same disks.
run_powercut() {
	local name=$1 splat
	EXPECT_CUT=yes
	boot_with "test $name ${ORDER_OF[$name]} phase1 ${TIMEOUT_OF[$name]}"
	EXPECT_CUT=
	[ -z "${RESULT[$name]:-}" ] || return 0
	splat=$(splats_since 0 | head -n 1)
	if [ -n "$splat" ]; then
		show_console "$name"
		record "$name" fail "phase1: the kernel complained: $splat"
	elif [ "$ENDED" = cut ]; then
		boot_with "test $name ${ORDER_OF[$name]} phase2 ${TIMEOUT_OF[$name]}"
		[ -n "${RESULT[$name]:-}" ] || { show_console "$name" && record "$name" fail "phase2: $(why_ended)"; }
	else
		show_console "$name"
		record "$name" fail "phase1: $(why_ended)"
	fi
}

# The rounds of one file follow each other on the same disks; each file begins with blank ones.
run_powercuts() {
	local name file=
	for name in $(waiting powercut); do
		if [ "${name%/*}" != "$file" ]; then
			file=${name%/*}
			make_disks "${DISKS[@]}"
			: >"$RUN/kept"
		fi
		if [ "$SECONDS" -ge "$DEADLINE" ]; then
			record "$name" fail "not run: out of time"
		else
			run_powercut "$name"
		fi
	done
}
