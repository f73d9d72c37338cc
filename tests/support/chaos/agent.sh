#!/bin/sh
# The agent of a campaign, and its setup and teardown command: obeys the assignment's variables, and writes what it did
# to a ledger that all share, a line at a time. Paths are put in when a campaign writes it into its folder.
#
#   CHAOS_EXECUTION   the execution id, `-` for none
#   CHAOS_SECONDS     how long it runs
#   CHAOS_EXIT        what it exits with
#   CHAOS_TERM        on SIGTERM: `end`, `ignore`, or `late`: works on for a moment, and exits with CHAOS_EXIT
#   CHAOS_CHILDREN    1: leaves processes behind
#   CHAOS_SETUP, CHAOS_SETUP_EXIT   the same of the setup command
ledger='@LEDGER@'
lasting='@LASTING@'

note() {
  printf '%s %s %s %s %s %s\n' "$(date +%s.%N)" "$1" "$id" "${CHAOS_EXECUTION:--}" "$$" "${2:--}" >>"$ledger"
}

case ${1:-} in
  setup)
    id=$OZ_RUN_ID
    note setup
    sleep "${CHAOS_SETUP:-0}"
    exit "${CHAOS_SETUP_EXIT:-0}"
    ;;
  teardown)
    id=$OZ_RUN_ID
    note teardown
    exit 0
    ;;
esac

id=$TASK_ID
own=$PWD/own.$$

finish() {
  [ -e "$own" ] || note robbed
  note end "$CHAOS_EXIT"
  [ "$CHAOS_EXIT" = 137 ] && kill -KILL "$$"
  exit "$CHAOS_EXIT"
}
late() {
  note term
  sleep 0.1
  finish
}
# Before anything can interrupt it: whoever misses it at the end was robbed.
: >"$own"
case ${CHAOS_TERM:-end} in
  ignore) trap '' TERM ;;
  late) trap late TERM ;;
esac

note start
if [ "${CHAOS_CHILDREN:-}" = 1 ]; then
  "$lasting" 300 &
  setsid "$lasting" 300 &
  env -i setsid "$lasting" 300 &
fi
# In the background and waited for: a shell runs a trap only between foreground commands.
sleep "$CHAOS_SECONDS" &
wait "$!"
finish
