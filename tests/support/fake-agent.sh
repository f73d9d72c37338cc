#!/bin/sh
# The fake agent: notes how it was started, then does what the AGENT_… variables of its assignment say.
# The folder of the records is put in when a test writes this into its temporary folder.
#
#   AGENT_STDOUT, AGENT_STDERR   text to print
#   AGENT_OUTPUT_BYTES=N         prints N bytes
#   AGENT_GRANDCHILD=1           leaves one child in its group and one in a session of its own
#   AGENT_TRAP=SECONDS           on SIGTERM works on for so long, then notes `trapped` and exits 143
#   AGENT_IGNORE_TERM=1          does not end on SIGTERM
#   AGENT_SLEEP=SECONDS          runs that long
#   AGENT_HOLD=1                 runs until the test releases it
#   AGENT_SIGNAL=NAME            ends by that signal
#   AGENT_EXIT=N                 exits with N
records='@RECORDS@'

# The id from the argv: an assignment may set TASK_ID to something else.
id=${TASK_ID:-none}
previous=
for argument do
  [ "$previous" = --task-id ] && id=$argument
  previous=$argument
done

# mkdir is atomic: each run of a task gets a folder of its own.
n=1
until mkdir "$records/$id.$n" 2>/dev/null; do
  n=$((n + 1))
  [ "$n" -gt 99 ] && exit 99
done
run=$records/$id.$n

# Label, pid and start time: the last tells this process from a later one of the same pid.
note_process() {
  label=$1
  pid=$2
  read -r stat <"/proc/$pid/stat" || return 0
  # What follows the name in parentheses, of which the 20th field is the start time.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  shift 19
  printf '%s %s %s\n' "$label" "$pid" "$1" >>"$run/processes"
}
note_process self "$$"

if [ "${AGENT_GRANDCHILD:-}" = 1 ]; then
  sleep 1000 >/dev/null 2>&1 &
  note_process child "$!"
  setsid sh -c 'echo $$ >"$1/setsid"; exec sleep 1000' sh "$run" >/dev/null 2>&1 &
  until [ -s "$run/setsid" ]; do sleep 0.01; done
  note_process setsid "$(cat "$run/setsid")"
fi

sleeper=
trapped() {
  # It may have been started after the signal went to the group.
  [ "$sleeper" ] && kill "$sleeper" 2>/dev/null
  sleep "$AGENT_TRAP"
  : >"$run/trapped"
  exit 143
}
[ "${AGENT_TRAP:-}" ] && trap trapped TERM
[ "${AGENT_IGNORE_TERM:-}" = 1 ] && trap '' TERM

if [ "${AGENT_HOLD:-}" = 1 ]; then
  mkfifo "$run/gate"
  exec 3<>"$run/gate"
fi

printf '%s\0' "$@" >"$run/argv"
env -0 >"$run/env"
pwd >"$run/cwd"
# Last: whoever sees it finds the others complete.
: >"$run/started"

[ "${AGENT_STDOUT:-}" ] && printf '%s\n' "$AGENT_STDOUT"
[ "${AGENT_STDERR:-}" ] && printf '%s\n' "$AGENT_STDERR" >&2
[ "${AGENT_OUTPUT_BYTES:-}" ] && head -c "$AGENT_OUTPUT_BYTES" /dev/zero | tr '\0' x

# In the background and waited for: a shell runs a trap only between foreground commands.
if [ "${AGENT_SLEEP:-}" ]; then
  sleep "$AGENT_SLEEP" &
  sleeper=$!
  note_process sleeper "$sleeper"
  wait "$sleeper"
fi
if [ "${AGENT_HOLD:-}" = 1 ]; then
  # Sleeps in the kernel: a hundred held agents that looked again and again would be the whole load.
  [ -e "$run/release" ] || read -r _ <&3
fi

: >"$run/ended"
[ "${AGENT_SIGNAL:-}" ] && kill -s "$AGENT_SIGNAL" $$
exit "${AGENT_EXIT:-0}"
