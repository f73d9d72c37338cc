#!/bin/sh
# The engine of a campaign, `dispatch` or `cancel`: obeys what its folder has for the execution, and writes what it did to a
# ledger that all share, a line at a time. The folder is put in when a campaign writes this into it.
#
#   SECONDS_      how long the dispatch takes
#   EXIT          what it exits with
#   ON_TERM       on SIGTERM: `end`, `ignore`, `late` (works on for a moment, and exits with EXIT), or `accept` (exits with 0)
#   LEAVES        `quiet` or `loud`: a process that goes on, and has closed its output or not
#   STDERR_BYTES  how much it writes there
#   READS         1: its standard input
#   CANCEL, CANCEL_SECONDS   the cancellation: `succeeds`, `fails-first` or `hangs`, and after how long
folder='@FOLDER@'
name=$OZ_RUN_ID.$OZ_EXECUTION_ID
# shellcheck source=/dev/null # written for the campaign
. "$folder/plans/$name"

note() {
  printf '%s %s %s %s %s %s\n' "$(date +%s.%N)" "$1" "$OZ_RUN_ID" "$OZ_EXECUTION_ID" "$$" "${2:--}" >>"$folder/ledger"
}

if [ "$1" = cancel ]; then
  note cancel-begin
  sleep "$CANCEL_SECONDS"
  case $CANCEL in
    hangs) exec "$folder/lasting" 60 ;;
    fails-first)
      if mkdir "$folder/failed/$name" 2>/dev/null; then
        note cancel-end 3
        exit 3
      fi
      ;;
  esac
  note cancel-end 0
  exit 0
fi

finish() {
  note end "$1"
  exit "$1"
}
term() {
  note term
  case $ON_TERM in
    end) finish 143 ;;
    late) sleep 0.1 && finish "$EXIT" ;;
    accept) finish 0 ;;
  esac
}
case $ON_TERM in
  ignore) trap '' TERM ;;
  *) trap term TERM ;;
esac

note begin
# Under a name that says what it is once it is whole.
payload=$folder/payloads/$name.$$
if [ "$READS" = 1 ]; then
  cat >"$payload.part" && mv "$payload.part" "$payload"
  head -c 3000 "$payload" >&2
fi
[ "$STDERR_BYTES" = 0 ] || head -c "$STDERR_BYTES" /dev/zero | tr '\0' x >&2
case $LEAVES in
  quiet) "$folder/lasting" 2.5 >/dev/null 2>&1 </dev/null & ;;
  loud) "$folder/lasting" 2.5 & ;;
esac
# In the background and waited for: a shell runs a trap only between foreground commands.
sleep "$SECONDS_" &
wait "$!"
finish "$EXIT"
