#!/bin/sh
# A stand-in for the agent `oz`, for trying a worker without an account. It takes the same command line
# and does honest work in the folder it is started in: it writes a program that finds primes, lets it
# find some, one step at a time, commits each step and checks the result at its end.
#
#   OZ_DEMO_STEPS          how many primes to find, 5 unless told
#   OZ_DEMO_STEP_SECONDS   how long to rest after each, 0.2 unless told
#   OZ_DEMO_EXIT           the exit status to end with, 0 unless told
#
# On SIGTERM it saves its work, as a well-behaved agent does in the grace period, and exits with 143.
set -eu

steps=${OZ_DEMO_STEPS:-5}
rest=${OZ_DEMO_STEP_SECONDS:-0.2}
status=${OZ_DEMO_EXIT:-0}
task=
step=0

if [ "${1:-} ${2:-}" != "agent run" ]; then
  printf 'usage: %s agent run --task-id ID [flags of the agent]\n' "$0" >&2
  exit 2
fi
shift 2
while [ "$#" -gt 0 ]; do
  if [ "$1" = --task-id ] && [ "$#" -gt 1 ]; then
    task=$2
    shift
  fi
  shift
done
if [ -z "$task" ]; then
  printf '%s: --task-id is missing\n' "$0" >&2
  exit 2
fi

say() {
  printf '[%s] %s\n' "$task" "$*"
}

# Where there is no git, the history is a folder of copies and each step shows its difference.
if command -v git >/dev/null 2>&1; then
  start_history() {
    [ -d .git ] || git init --quiet .
  }
  save() {
    git add primes.sh primes.txt
    git -c user.name="Demo agent" -c user.email=agent@localhost -c commit.gpgsign=false \
      commit --quiet --allow-empty --message "$1"
    say "committed $(git rev-parse --short HEAD): $1"
  }
else
  start_history() {
    mkdir -p history
    cp primes.txt history/latest.txt
  }
  save() {
    diff history/latest.txt primes.txt || true
    cp primes.txt history/latest.txt
    say "saved: $1"
  }
fi

write_program() {
  cat >primes.sh <<'PROGRAM'
#!/bin/sh
# Prints the first prime after the given number.
candidate=$1
while :; do
  candidate=$((candidate + 1))
  divisor=2
  while [ $((divisor * divisor)) -le "$candidate" ] && [ $((candidate % divisor)) -ne 0 ]; do
    divisor=$((divisor + 1))
  done
  [ $((divisor * divisor)) -le "$candidate" ] || break
done
echo "$candidate"
PROGRAM
  chmod +x primes.sh
  : >primes.txt
}

# A sleep in the foreground would hold up the trap until it ends.
pause() {
  sleep "$rest" &
  wait "$!" || true
}

stop_early() {
  trap '' TERM
  say "asked to stop: saving what there is"
  save "Save the work of $step of $steps steps"
  exit 143
}

# The task decides where the search begins, so that each leaves something of its own.
prime=$((($(printf '%s' "$task" | od -A n -v -t u1 | tr -s ' \n' '++' | sed 's/^+//; s/+$//')) % 1000 + 1))
say "starts in $(pwd) with the first prime after $prime"
write_program
start_history
save "Add a program that finds primes"
trap stop_early TERM

while [ "$step" -lt "$steps" ]; do
  prime=$(./primes.sh "$prime")
  echo "$prime" >>primes.txt
  step=$((step + 1))
  say "step $step of $steps: found $prime"
  save "Add the prime $prime"
  pause
done

[ "$(wc -l <primes.txt)" -eq "$steps" ]
say "checked: primes.txt holds $steps primes"
if [ "$status" -ne 0 ]; then
  say "ends with exit status $status, as OZ_DEMO_EXIT says"
fi
exit "$status"
