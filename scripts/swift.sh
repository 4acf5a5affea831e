#!/usr/bin/env bash
# Runs `swift` with the given arguments, wherever this machine can find one.
#
#     scripts/swift.sh --version
#     scripts/swift.sh build --package-path ios
#
# An installed Swift is used as it is. On a Debian without one, Debian 13's is
# unpacked once under ~/.cache/pocketune (2.5 GB, one to two minutes; nothing is
# installed, and it takes no root). It needs a root folder of its own, with this
# repository, the target folder and the models under their own paths:
#
#   - mounted in a private namespace, gone when swift ends, however it ends;
#   - where mounting is not allowed, as in a chroot and in most containers, pretended
#     by proot, which takes half as much time again.
#
# Where neither is allowed, status 77 and the reasons.

# shellcheck disable=SC2317  # make_once calls functions by name
set -euo pipefail
. "$(dirname "$0")/lib.sh"

DEBIAN=$CACHE/swift-debian13
MODELS=${POCKETUNE_MODELS:-$CACHE/models}
INSIDE=(env PATH=/usr/libexec/swift/bin:/usr/bin:/bin HOME=/root LC_ALL=C.UTF-8)

main() {
    case "${1-}" in --help) usage && exit ;; esac
    if has_swift; then
        exec swift "$@"
    fi
    is_debian || die "no Swift here: install Swift 6 (on Debian this script unpacks one)"
    # The compiler asks it where its own files lie.
    [ -e /proc/self/exe ] || die "/proc is not mounted here, and swift needs it: mount -t proc proc /proc"
    [ -d "$DEBIAN" ] || make_once "$DEBIAN" unpack_debian
    mkdir -p "$MODELS" "$TARGET"

    local reasons=() way
    for way in 'unshare --mount' 'unshare --user --map-root-user --mount'; do
        # A mount as well: some containers grant the namespace alone.
        # shellcheck disable=SC2086  # WAY is several words
        if allowed "$way" $way mount --rbind /proc "$DEBIAN/proc"; then
            run_mounted "$way" "$@"
        fi
    done
    # By the loader beside it: proot, too, is Debian 13's.
    local loader=("$DEBIAN"/usr/lib/*-linux-gnu*/ld-linux*.so.?)
    local proot=("${INSIDE[@]}" PROOT_TMP_DIR="$DEBIAN/tmp" "${loader[0]}" --library-path "${loader[0]%/*}"
        "$DEBIAN/usr/bin/proot" -r "$DEBIAN" -w "$PWD"
        -b /proc -b /dev -b "$ROOT" -b "$TARGET" -b "$MODELS")
    if allowed proot "${proot[@]}" ld --version; then
        exec "${proot[@]}" swift "$@"
    fi
    say "not allowed here:"
    printf '    %s\n' "${reasons[@]}" >&2
    cannot "swift needs mounting (in a container: --cap-add SYS_ADMIN) or tracing (a seccomp profile with ptrace)," \
        "or an installed Swift 6"
}

# allowed NAME COMMAND...: whether it works here. What it said otherwise is a reason.
allowed() {
    local name=$1 said
    shift
    if ! said=$("$@" 2>&1); then
        reasons+=("$name: ${said%%$'\n'*}")
        return 1
    fi
}

# run_mounted WAY ARGUMENT...
run_mounted() {
    local way=$1
    shift
    # shellcheck disable=SC2016,SC2086  # expanded by the inner shell; WAY is several words
    exec $way bash -euo pipefail -c '
        root=$1 here=$2
        shift 2
        while [ "$1" != swift ]; do
            mkdir -p "$root$1"
            mount --rbind "$1" "$root$1"
            shift
        done
        exec '"${INSIDE[*]}"' unshare --root="$root" --wd="$here" "$@"
    ' bash "$DEBIAN" "$PWD" /proc /dev "$ROOT" "$TARGET" "$MODELS" swift "$@"
}

# Packages are unpacked and not installed: that would run programs in there, as root.
unpack_debian() {
    local root=$1 apt=$1/apt deb
    say "unpacking Debian 13's Swift in $DEBIAN (once, one to two minutes)"
    mkdir -p "$apt"/{lists,archives}/partial
    : >"$apt/status"
    # An apt of its own, to which no package is installed; as root it would complain
    # that its sandbox user may not write here.
    local options=(--quiet --quiet -o APT::Sandbox::User= -o "Dir::State=$apt" -o "Dir::State::status=$apt/status"
        -o "Dir::Cache=$apt")
    sources "${options[@]}" >"$apt/sources.list"
    options+=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null -o APT::Default-Release=trixie)
    apt-get "${options[@]}" update >&2 || die "could not read Debian 13's list of packages"
    apt-get "${options[@]}" --yes --no-install-recommends --download-only install \
        base-files swiftlang libc6-dev libstdc++-14-dev proot >&2 || die "could not download Debian 13's Swift"
    for deb in "$apt"/archives/*.deb; do
        dpkg-deb --extract "$deb" "$root" || die "could not unpack ${deb##*/}"
    done
    rm -rf "$apt" "$root"/usr/share/{doc,locale,man}
}

# Debian 13's packages as this machine gets those of its own Debian.
sources() {
    local mirror
    mirror=$(debian_mirror) || die "apt-get indextargets failed"
    if [ -z "$mirror" ]; then
        # Nobody has updated apt's lists, which say what comes from Debian.
        apt-get "$@" update >&2 || die "could not read this Debian's list of packages"
        mirror=$(debian_mirror "$@") || die "apt-get indextargets failed"
    fi
    [ -n "$mirror" ] || die "no package source of apt's is Debian's own (see apt-get indextargets)"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' "$mirror"
}

# shellcheck disable=SC2016  # apt expands it
debian_mirror() {
    apt-get "$@" indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
        sed -n 1p
}

main "$@"
