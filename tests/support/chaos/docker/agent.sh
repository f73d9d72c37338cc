#!/bin/sh
# The agent of a campaign in its container: the program of the tests' agent image, /agent/entrypoint.sh, reads it. It obeys
# the assignment's variables, and writes what it does to a ledger that all containers share, a line at a time.
#
#   CHAOS_EXECUTION   the execution id
#   CHAOS_TICKS       how long it runs, in quarters of a second
#   CHAOS_EXIT        what it exits with
#   CHAOS_TERM        on SIGTERM: `end`, `ignore`, or `late`: works on for a moment, and exits with CHAOS_EXIT
#   CHAOS_LINES       lines of output
#   CHAOS_OOM         1: takes more memory than it may in the end
#   CHAOS_WRITABLE    1: a sidecar of its own is at /own
read -r container </etc/hostname

# The time since the host's start is had without a process, which a signal could end.
note() {
  read -r up _ </proc/uptime
  echo "$up $1 $TASK_ID $CHAOS_EXECUTION $container ${2:--}" >>/control/ledger
}
finish() {
  note end "$1"
  exit "$1"
}
late() {
  note term
  sleep 0.3
  finish "$CHAOS_EXIT"
}
case $CHAOS_TERM in
  end) trap 'note term; finish 143' TERM ;;
  ignore) trap '' TERM ;;
  late) trap late TERM ;;
esac

note start
[ -e /agent/odd/empty ] || note missing
if [ "${CHAOS_WRITABLE:-}" = 1 ]; then
  read -r shipped </own/note.txt
  [ "$shipped" = "as shipped" ] && [ ! -e /own/mine ] || note missing
  : >/own/mine
fi
[ "$CHAOS_LINES" = 0 ] || yes "a line of $TASK_ID" | head -n "$CHAOS_LINES"
left=$CHAOS_TICKS
while [ "$left" -gt 0 ]; do
  # In the background and waited for: a shell runs a trap only between foreground commands.
  sleep 0.25 &
  wait "$!"
  note tick
  left=$((left - 1))
done
if [ "${CHAOS_OOM:-}" = 1 ]; then
  hoard=0123456789abcdef
  while :; do hoard=$hoard$hoard; done
fi
finish "$CHAOS_EXIT"
