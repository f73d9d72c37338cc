#!/bin/sh
# Sourced by scripts/services/cluster: its long-running programs. Each has a file in $state/pids with
# its pid and start time, which together are no other process's.
# shellcheck disable=SC2154 # what is not set here is set by the file that sources this one

# One `up` or `down` at a time; the programs that it starts do not inherit the lock.
lock_state() {
  exec 9>"$state/lock"
  flock 9
}

# Nothing for a process that is gone; a zombie that nobody has reaped yet counts as gone.
start_time() {
  start_time_stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # shellcheck disable=SC2086 # fields
  set -- ${start_time_stat##*) }
  [ "$1" = Z ] || printf '%s\n' "${20}"
}

is_running() {
  read -r running_pid running_since 2>/dev/null <"$state/pids/$1" || return 1
  [ -n "$running_since" ] && [ "$(start_time "$running_pid")" = "$running_since" ]
}

# start_process NAME COMMAND...
start_process() {
  name=$1
  shift
  is_running "$name" && return 0
  setsid "$@" >>"$state/log/$name.log" 2>&1 </dev/null 9>&- &
  printf '%s %s\n' "$!" "$(start_time "$!")" >"$state/pids/$name"
}

# stop_process NAME SECONDS: SIGTERM, and SIGKILL after so long; at once with 0.
stop_process() {
  if is_running "$1"; then
    signal=TERM
    [ "$2" -gt 0 ] || signal=KILL
    kill -s "$signal" "$running_pid" 2>/dev/null || true
    looks=$(($2 * 20 + 40))
    while is_running "$1" && [ "$looks" -gt 0 ]; do
      [ "$looks" -ne 40 ] || kill -s KILL "$running_pid" 2>/dev/null || true
      sleep 0.05
      looks=$((looks - 1))
    done
  fi
  rm -f "$state/pids/$1"
}

# wait_for SECONDS WHAT NAME COMMAND...: until the command succeeds, or the program NAME has died.
wait_for() {
  looks=$(($1 * 5))
  what=$2
  whose=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    is_running "$whose" || fail "$whose died before there was a $what:
$(tail -n 20 "$state/log/$whose.log")"
    [ "$looks" -gt 0 ] || fail "no $what in time:
$(tail -n 20 "$state/log/$whose.log")"
    looks=$((looks - 1))
    sleep 0.2
  done
}

print_status() {
  for file in "$state"/pids/*; do
    [ -e "$file" ] || continue
    name=${file##*/}
    if is_running "$name"; then
      printf '%-24s pid %-7s rss %5d MiB\n' "$name" "$running_pid" \
        "$(($(awk '/^VmRSS/ {print $2}' "/proc/$running_pid/status") / 1024))"
    else
      printf '%-24s dead\n' "$name"
    fi
  done
}
