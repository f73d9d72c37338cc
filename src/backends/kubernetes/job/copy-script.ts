/**
 * The shell text that copies a sidecar's image into its volume. It runs in the sidecar's own image, of
 * which only /bin/sh is certain: the tar of GNU, of busybox or none, then cp.
 */

/** Where the volume is mounted in the container that fills it. */
export const COPY_TARGET = "/target";

/**
 * Each folder's entries are named one by one, because not every tar can leave something out. A tar that
 * fails leaves a mark for the other end of the pipe, whose status is the only one that the shell tells.
 * `cp` loses times and splits hard links, so it comes second. Left out is what the container's runtime
 * has put there.
 */
export const COPY_SCRIPT = `umask 022
fail() { echo "copying the sidecar image: $1" >&2; exit 1; }
with_tar() {
  { tar -cf - "$@" || : >"$into/.oz-copy-failed"; } | tar -xof - -C "$into" --no-same-permissions &&
    [ ! -e "$into/.oz-copy-failed" ]
}
with_cp() {
  cp -RPf "$@" "$into/" && { [ ! -e "$into/.oz-copy-failed" ] || rm -f "$into/.oz-copy-failed"; }
}
copy() {
  into=${COPY_TARGET}/$1 skip=$2
  cd "/$1" || fail "cannot enter /$1"
  [ -d "$into" ] || mkdir "$into" || fail "cannot make $into"
  set --
  for entry in * .[!.]* ..?*; do
    case $skip in */"$entry"/*) continue ;; esac
    if [ -e "$entry" ] || [ -L "$entry" ]; then set -- "$@" "./$entry"; fi
  done
  if [ $# -eq 0 ]; then return; fi
  if command -v tar >/dev/null && with_tar "$@"; then return; fi
  with_cp "$@" || fail "neither tar nor cp could copy /$1"
}
own() { [ -d "/$1" ] && [ ! -L "/$1" ]; }
skip=/target/proc/sys/dev/.dockerenv/
if own run; then skip=\${skip}run/; fi
if own var; then skip=\${skip}var/; fi
copy "" "$skip"
if own run; then copy run /secrets/; fi
if own var; then
  if own var/run; then copy var /run/; copy var/run /secrets/; else copy var ""; fi
fi`;
