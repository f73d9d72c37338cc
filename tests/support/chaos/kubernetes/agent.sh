#!/bin/sh
# The agent of a campaign in its pod: the program of the tests' agent image runs it. It obeys the assignment's variables, and
# writes what it does to a ledger that all pods share, a line at a time.
#
#   CHAOS_EXECUTION   the execution id
#   CHAOS_TICKS       how long it runs, in quarters of a second
#   CHAOS_EXIT        what it exits with
#   CHAOS_TERM        on SIGTERM: `end`, `ignore`, or `late`: works on for a moment, and exits with CHAOS_EXIT
read -r pod </etc/hostname

# The time since the host's start is had without a process, which a signal could end.
note() {
  read -r up _ </proc/uptime
  echo "$up $1 $TASK_ID $CHAOS_EXECUTION $pod ${2:--}" >>'@LEDGER@'
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
  ignore) trap 'note term' TERM ;;
  late) trap late TERM ;;
esac

note start
left=$CHAOS_TICKS
while [ "$left" -gt 0 ]; do
  # In the background and waited for: a shell runs a trap only between foreground commands.
  sleep 0.25 &
  wait "$!"
  note tick
  left=$((left - 1))
done
finish "$CHAOS_EXIT"
