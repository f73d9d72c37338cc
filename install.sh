#!/bin/sh
# Installs oz-agent-worker, or takes it away again:
#
#   curl -fsSL .../install.sh | sh
#   curl -fsSL .../install.sh | sh -s -- [--dry-run] [--uninstall [--purge]] [--help]
#
# All of it is in functions that the last lines call, in braces: of a script that was cut in the
# download nothing is run.
set -eu

program=oz-agent-worker
# Where releases are; a release writes its own address and version here.
release_url=
release_version=

usage() {
  cat <<USAGE
Installs $program from a release, after checking its SHA-256 and starting it once.

  --dry-run     say what would be done, and do nothing
  --uninstall   remove the program; its state and configuration stay
  --purge       with --uninstall: remove both, too; results that were not delivered are lost
  --help        this text

Environment:
  OZ_WORKER_VERSION      version to install, such as 1.2.3 (default: that of this script's release; of a
                         mirror the newest)
  OZ_WORKER_INSTALL_DIR  folder to install into (default: /usr/local/bin for root, else ~/.local/bin)
  OZ_WORKER_CONFIG_DIR   configuration that --purge removes (default: /etc/oz-agent-worker for root,
                         else ~/.config/oz-agent-worker)
  OZ_WORKER_STATE_DIR    state that --purge removes (default: where the program keeps it; for root that
                         of the service, too)
  OZ_WORKER_BASE_URL     where releases are, for a mirror; below it latest/download/ and download/vVERSION/
  OZ_WORKER_TARGET       platform to install, such as linux-arm64-musl (default: this one)
  OZ_WORKER_TIMEOUT      seconds without a byte after which a download is given up (default: 60)
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY as curl and wget read them
USAGE
}

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# --- which file ---------------------------------------------------------------------------------

detect_target() {
  if [ -n "${OZ_WORKER_TARGET:-}" ]; then
    case $OZ_WORKER_TARGET in
      linux-x64 | linux-arm64 | linux-x64-musl | linux-arm64-musl | darwin-x64 | darwin-arm64) ;;
      *) fail "there is no release for \"$OZ_WORKER_TARGET\": OZ_WORKER_TARGET is linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl, darwin-x64 or darwin-arm64" ;;
    esac
    printf '%s\n' "$OZ_WORKER_TARGET"
    return
  fi
  system=$(uname -s)
  machine=$(uname -m)
  case $system in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    MINGW* | MSYS* | CYGWIN*) fail "on Windows download the .zip of a release by hand" ;;
    *) fail "there is no release for $system" ;;
  esac
  case $machine in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "there is no release for $system on $machine: it has to be x86-64 or arm64" ;;
  esac
  # A shell under Rosetta says x86_64 on a machine that runs arm64 better.
  if [ "$os-$arch" = darwin-x64 ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then
    arch=arm64
  fi
  # A kernel of 64 bits may carry a system of 32, which has no loader for these files.
  if [ "$os" = linux ] && has getconf && [ "$(getconf LONG_BIT 2>/dev/null || echo 64)" = 32 ]; then
    fail "this system is one of 32 bits (on a $machine kernel); releases are for 64 bits"
  fi
  libc=
  if [ "$os" = linux ] && is_musl; then libc=-musl; fi
  printf '%s-%s%s\n' "$os" "$arch" "$libc"
}

is_musl() {
  # Where there is a loader of glibc, its file runs, whatever else there is.
  for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do
    if [ -e "$loader" ]; then return 1; fi
  done
  for loader in /lib/ld-musl-*.so.1; do
    if [ -e "$loader" ]; then return 0; fi
  done
  return 1
}

# The musl file needs two libraries that a plain Alpine does not have.
check_musl_libraries() {
  missing=
  for library in libstdc++.so.6 libgcc_s.so.1; do
    if [ ! -e "/usr/lib/$library" ] && [ ! -e "/lib/$library" ]; then missing="$missing $library"; fi
  done
  if [ -n "$missing" ]; then
    fail "this system lacks$missing, which the program needs: install them first (on Alpine: apk add libstdc++ libgcc)"
  fi
}

# --- where to -----------------------------------------------------------------------------------

detect_install_dir() {
  if [ -n "${OZ_WORKER_INSTALL_DIR:-}" ]; then
    case $OZ_WORKER_INSTALL_DIR in
      /*) printf '%s\n' "$OZ_WORKER_INSTALL_DIR" ;;
      *) fail "OZ_WORKER_INSTALL_DIR is not an absolute path: $OZ_WORKER_INSTALL_DIR" ;;
    esac
  elif [ "$(id -u)" = 0 ]; then
    printf '/usr/local/bin\n'
  else
    [ -n "${HOME:-}" ] || fail "HOME is not set: set OZ_WORKER_INSTALL_DIR"
    printf '%s/.local/bin\n' "$HOME"
  fi
}

# --- downloading --------------------------------------------------------------------------------

choose_tools() {
  if has curl; then
    downloader=curl
  elif has wget; then
    downloader=wget
  else
    fail "needs curl or wget to download"
  fi
  if has sha256sum; then
    hasher=sha256sum
  elif has shasum; then
    hasher='shasum -a 256'
  elif has openssl; then
    hasher='openssl dgst -sha256 -r'
  else
    fail "needs sha256sum, shasum or openssl to check what it downloads"
  fi
  for tool in tar gzip mktemp awk; do
    has $tool || fail "needs $tool"
  done
  seconds=${OZ_WORKER_TIMEOUT:-60}
  case $seconds in
    0 | *[!0-9]*) fail "OZ_WORKER_TIMEOUT is not a whole number of seconds: $seconds" ;;
  esac
}

# download URL FILE
download() {
  case $downloader in
    curl)
      outcome=0
      curl_download "$1" "$2" || outcome=$?
      case $outcome in
        # A connection that was cut, which --retry leaves at that.
        18 | 52 | 55 | 56 | 92) curl_download "$1" "$2" ;;
        *) return "$outcome" ;;
      esac
      ;;
    # Quiet, because it would tell of success, too; its words are shown when it fails.
    wget)
      if wget --version 2>/dev/null | grep -q GNU; then
        wget --no-verbose --tries 2 --timeout "$seconds" --output-document "$2" "$1" 2>"$staging/words"
      else
        busybox_download "$1" "$2" 2>"$staging/words"
      fi || {
        tail -n 3 "$staging/words" >&2
        # GNU's has none, told to be quiet, for a transfer that began.
        if [ ! -s "$staging/words" ]; then
          say "wget: the connection was cut before the end, or nothing came for $seconds s"
        fi
        return 1
      }
      ;;
  esac
}

curl_download() {
  # What was asked for over TLS is not taken from a redirect to a plain address.
  case $1 in https:*) allowed='=https' ;; *) allowed='=https,http' ;; esac
  curl --fail --silent --show-error --location --proto-redir "$allowed" --connect-timeout "$seconds" \
    --retry 2 --retry-delay 1 --speed-limit 1 --speed-time "$seconds" --output "$2" "$1"
}

# Some builds of busybox die of a signal when they are given a time limit; without, theirs is 900 s.
busybox_download() {
  outcome=0
  wget -q -T "$seconds" -O "$2" "$1" || outcome=$?
  if [ "$outcome" -gt 128 ]; then
    outcome=0
    wget -q -O "$2" "$1" || outcome=$?
  fi
  return "$outcome"
}

# check_sum ARCHIVE SUMS: the lines of the archive's own name count, and no other. A mirror may have
# written them anew: with a star for binary, ./ before the name, capital letters, an end of line of Windows.
check_sum() {
  wanted=$(awk -v name="$archive" '
    { sub(/\r$/, ""); sum = tolower($1); file = $2; sub(/^\*/, "", file); sub(/^\.\//, "", file) }
    file == name && sum !~ /[^0-9a-f]/ && length(sum) == 64 && !(sum in seen) {
      seen[sum] = 1
      printf "%s%s", between, sum
      between = " "
    }' "$2")
  case $wanted in
    '') fail "$sums_url does not name $archive: is that address a release of this program? Its first line: $(first_line "$2")" ;;
    *' '*) fail "$sums_url has more than one sum for $archive: $wanted; nothing was installed" ;;
  esac
  # The words of the command are its options.
  # shellcheck disable=SC2086
  found=$($hasher "$1" | cut -d ' ' -f 1)
  [ "$found" = "$wanted" ] ||
    fail "$archive has the wrong SHA-256: $found in place of $wanted; it is not what was released, and nothing was installed"
}

# Somebody else's words, on their way to a terminal.
first_line() {
  head -n 1 "$1" | LC_ALL=C tr -cd '\040-\176' | cut -c 1-200
}

# --- installing ---------------------------------------------------------------------------------

install_program() {
  target=$(detect_target)
  case $target in *-musl) check_musl_libraries ;; esac
  dir=$(detect_install_dir)
  # A mirror's newest: it need not have a folder of this script's version.
  if [ -n "${OZ_WORKER_BASE_URL:-}" ]; then release_version=; fi
  base=${OZ_WORKER_BASE_URL:-$release_url}
  base=${base%/}
  [ -n "$base" ] || fail "this copy does not know where releases are: set OZ_WORKER_BASE_URL"
  version=${OZ_WORKER_VERSION:-$release_version}
  version=${version#v}
  case $version in
    '') from=$base/latest/download ;;
    *[!0-9A-Za-z.+-]*) fail "OZ_WORKER_VERSION is no version: $version" ;;
    *) from=$base/download/v$version ;;
  esac
  archive=$program-$target.tar.gz
  sums_url=$from/SHA256SUMS
  choose_tools
  [ ! -d "$dir/$program" ] || fail "$dir/$program is a folder: move it away, or set OZ_WORKER_INSTALL_DIR"
  if [ "$dry_run" = yes ]; then
    say "would download $from/$archive"
    say "would check it against $sums_url"
    say "would start it once, and put it at $dir/$program"
    return
  fi
  make_dir "$dir"
  fetch
  replace
  say "installed $dir/$program: $new_version"
  if [ -n "$old_version" ]; then say "it replaces $old_version; a worker that runs keeps the old one until it is restarted"; fi
  advise_path
}

make_dir() {
  # What root installs is for all, whatever the umask; a service has a user of its own.
  if [ "$(id -u)" = 0 ]; then umask 022; fi
  mkdir -p "$1" 2>/dev/null || fail "cannot make the folder $1: set OZ_WORKER_INSTALL_DIR to one that you can write, or run as root"
  # In the folder itself, so that the last step is a rename within one file system.
  staging=$(mktemp -d "$1/.$program.XXXXXX" 2>/dev/null) ||
    fail "cannot write to $1 (read-only, or another user's, or the disk is full): set OZ_WORKER_INSTALL_DIR to a folder that you can write, or run as root"
  trap 'rm -rf "$staging"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

fetch() {
  say "downloading $from/$archive"
  download "$sums_url" "$staging/SHA256SUMS" || fail "cannot download $sums_url: see above${version:+; is there a version $version?}; behind a proxy set HTTPS_PROXY, for a mirror OZ_WORKER_BASE_URL"
  download "$from/$archive" "$staging/$archive" || fail "cannot download $from/$archive: see above (a full disk shows here, too); nothing was installed"
  check_sum "$staging/$archive" "$staging/SHA256SUMS"
  # Owned by whoever installs it, also where a mirror packed it as somebody else.
  tar -xzof "$staging/$archive" -C "$staging" "$program" ||
    fail "cannot unpack $archive: see above; is the disk of $dir full? Nothing was installed"
  if [ -L "$staging/$program" ] || [ ! -f "$staging/$program" ]; then
    fail "$archive has no program in it, but something else of that name; nothing was installed"
  fi
  chmod 755 "$staging/$program"
  sign
  # Where there was just enough room for both, what follows would have none.
  rm -f "$staging/$archive"
}

# macOS kills what is not signed; a signature of this machine's own is enough.
sign() {
  case $target in darwin-*) ;; *) return 0 ;; esac
  if has codesign && ! codesign --verify "$staging/$program" 2>/dev/null; then
    codesign --force --sign - "$staging/$program" 2>"$staging/words" ||
      fail "cannot sign the new program, and nothing was changed; codesign said: $(first_line "$staging/words")"
  fi
}

# In an environment that is nearly empty: it is the file that is tried, not this user's settings. And one
# of that name that does not know `version` finds no key with which it could start to work.
version_of() {
  env -i PATH="$PATH" HOME="${HOME:-/}" "$1" version </dev/null
}

replace() {
  new_version=$(version_of "$staging/$program" 2>"$staging/words") ||
    fail "the new program does not run here, and nothing was changed; it said: $(first_line "$staging/words")"
  case $new_version in
    "$program ${version:+$version }"*) ;;
    *) fail "$archive is not $program${version:+ }$version: it calls itself \"$new_version\"; nothing was changed" ;;
  esac
  old_version=
  if [ -x "$dir/$program" ]; then
    old_version=$(version_of "$dir/$program" 2>/dev/null | head -n 1) || true
    old_version=${old_version:-a file that does not start}
  fi
  # A worker that runs keeps the file that it was started from, under no name; a rename is never half done.
  mv -f "$staging/$program" "$dir/$program" || fail "cannot replace $dir/$program: see above; the old one is as it was"
}

advise_path() {
  case :$PATH: in
    *:"$dir":*)
      first=$(command -v "$program" || true)
      if [ "$first" != "$dir/$program" ]; then say "note: \"$program\" on your PATH is $first"; fi
      ;;
    *)
      say "$dir is not on your PATH; add this line to your shell's profile:"
      say "  export PATH=\"$dir:\$PATH\""
      ;;
  esac
  say "next: $program --help, and for your shell $program completions --help"
}

# --- uninstalling -------------------------------------------------------------------------------

uninstall_program() {
  dir=$(detect_install_dir)
  for unit in /etc/systemd/system/$program.service /Library/LaunchDaemons/$program.plist; do
    if [ -e "$unit" ]; then
      fail "there is a service that starts $program ($unit): take it away first with \"$program service uninstall\""
    fi
  done
  if [ -e "$dir/$program" ] || [ -L "$dir/$program" ]; then
    remove "$dir/$program"
  else
    say "there is no $dir/$program"
  fi
  if [ -n "${OZ_WORKER_STATE_DIR:-}" ]; then
    keep_or_remove "$OZ_WORKER_STATE_DIR"
  else
    keep_or_remove "$(detect_state_dir)"
    # Of the service, which has its own.
    if [ "$(id -u)" = 0 ]; then keep_or_remove "/var/lib/$program"; fi
  fi
  keep_or_remove "$(detect_config_dir)"
}

keep_or_remove() {
  if [ ! -d "$1" ]; then return; fi
  if [ "$purge" = yes ]; then remove "$1"; else say "kept $1 (--purge removes it)"; fi
}

# As the program itself chooses it.
detect_state_dir() {
  case ${XDG_STATE_HOME:-} in
    /*) printf '%s/%s\n' "$XDG_STATE_HOME" "$program" ;;
    *) if [ "$(id -u)" = 0 ] || [ -z "${HOME:-}" ]; then
      printf '/var/lib/oz/state\n'
    else
      printf '%s/.local/state/%s\n' "$HOME" "$program"
    fi ;;
  esac
}

# Where the documentation and the packages have the configuration and the key.
detect_config_dir() {
  if [ -n "${OZ_WORKER_CONFIG_DIR:-}" ]; then
    printf '%s\n' "$OZ_WORKER_CONFIG_DIR"
  elif [ "$(id -u)" = 0 ]; then
    printf '/etc/%s\n' "$program"
  else
    printf '%s/%s\n' "${XDG_CONFIG_HOME:-${HOME:-}/.config}" "$program"
  fi
}

remove() {
  if [ "$dry_run" = yes ]; then
    say "would remove $1"
    return
  fi
  rm -rf "$1" || fail "cannot remove $1: see above"
  say "removed $1"
}

main() {
  dry_run=no
  uninstall=no
  purge=no
  for argument in "$@"; do
    case $argument in
      --dry-run) dry_run=yes ;;
      --uninstall) uninstall=yes ;;
      --purge) purge=yes ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) fail "unknown option $argument; --help lists them" ;;
    esac
  done
  if [ "$purge" = yes ] && [ "$uninstall" = no ]; then fail "--purge goes with --uninstall"; fi
  if [ "$uninstall" = yes ]; then uninstall_program; else install_program; fi
}

# Until the closing brace has arrived the shell runs nothing of this.
{
  main "$@"
  exit
}
