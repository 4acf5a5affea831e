#!/usr/bin/env bash
# Runs `swift` with the given arguments, wherever this machine can find one.
#
#     scripts/swift.sh --version
#     scripts/swift.sh build --package-path ios
#
# An installed Swift is used as it is. Debian 12 has none: there, as root, a
# Debian 13 (which has one) is set up once under ~/.cache/pocketune, about 2.8 GB
# and one to two minutes, and swift runs inside it with this repository, the
# target folder and the models mounted under their own paths. The mounts live in
# a private namespace: they are gone when swift ends, however it ends.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

DEBIAN=$CACHE/swift-trixie
MODELS=${POCKETUNE_MODELS:-$CACHE/models}

main() {
    case "${1-}" in --help) usage && exit ;; esac
    if is_swift_installed; then
        exec swift "$@"
    fi
    if ! is_debian || ! is_root; then
        die "no Swift here: install Swift 6 (swift.org, or Debian 13's package swiftlang)"
    fi
    [ -d "$DEBIAN" ] || set_up_debian
    mkdir -p "$MODELS" "$TARGET"
    # shellcheck disable=SC2016  # expanded by the inner shell
    exec unshare --mount bash -euo pipefail -c '
        root=$1 here=$2
        shift 2
        for path in /proc /dev "${@:1:3}"; do
            mkdir -p "$root$path"
            mount --rbind "$path" "$root$path"
        done
        shift 3
        exec chroot "$root" env --chdir="$here" PATH=/usr/bin:/bin HOME=/root LC_ALL=C.UTF-8 swift "$@"
    ' bash "$DEBIAN" "$PWD" "$ROOT" "$TARGET" "$MODELS" "$@"
}

# Debian also has another /usr/bin/swift, an OpenStack client.
is_swift_installed() { have swift && swift --version 2>&1 | grep -q 'Swift version'; }

set_up_debian() {
    have debootstrap || die "debootstrap is missing: scripts/install-tools.sh --only swift"
    mkdir -p "$CACHE"
    exec 9>"$DEBIAN.lock"
    flock 9
    # Another run may have finished it meanwhile.
    [ ! -d "$DEBIAN" ] || return 0

    local partial=$DEBIAN.partial mirror
    # shellcheck disable=SC2016  # apt expands it
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' 'Label: Debian' | head -n 1)
    say "setting up a Debian 13 with Swift in $DEBIAN (once, 1 to 2 minutes)"
    rm -rf --one-file-system "$partial"
    # In a namespace of its own: debootstrap mounts /proc in there.
    if ! unshare --mount debootstrap --variant=minbase --include=swiftlang,libc6-dev,libstdc++-14-dev \
        trixie "$partial" ${mirror:+"$mirror"} >"$DEBIAN.log" 2>&1; then
        tail -n 20 "$DEBIAN.log" "$partial/debootstrap/debootstrap.log" >&2 || true
        die "debootstrap failed (whole log: $DEBIAN.log)"
    fi
    rm -rf "$partial"/var/cache/apt/* "$partial"/var/lib/apt/lists/* "$partial"/usr/share/{doc,locale,man}
    # Last: the folder has its final name only when it is complete.
    mv "$partial" "$DEBIAN"
    exec 9>&-
}

main "$@"
