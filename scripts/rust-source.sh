#!/usr/bin/env bash
# Prints a rustc whose sysroot holds the standard library's source, with which
# scripts build it for other targets.
#
#     scripts/rust-source.sh
#
# A Rust that has its source (rustup component add rust-src) is used; otherwise, on
# Debian, the packages of rustc-web are unpacked under ~/.cache/pocketune, once,
# 0.9 GB.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

main() {
    no_arguments "$@"
    have rustc || die "no Rust: scripts/install-tools.sh --only rust"
    if [ -f "$(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; then
        command -v rustc
        return
    fi
    is_debian || die "no source of Rust's standard library: rustup component add rust-src"
    local prefix=$CACHE/rustc-web
    [ -d "$prefix" ] || make_once "$prefix" unpack_rustc
    printf '%s\n' "$prefix/rustc"
}

# Unpacked instead of installed: rustc-web and rustup exclude each other.
unpack_rustc() {
    local partial=$1 standard_library llvm deb
    say "unpacking Debian's rustc-web and its source in ${partial%.partial} (once)"
    if is_root; then apt-get update --quiet --quiet; fi
    standard_library=$(dependency_of libstd-rust-web-dev '^libstd-rust-web-[0-9]')
    [ -n "$standard_library" ] ||
        die "apt knows no current libstd-rust-web-dev: as root apt-get update, with Debian 12's security archive"
    llvm=$(dependency_of "$standard_library" '^libllvm')
    mkdir "$partial/debs"
    (
        cd "$partial/debs"
        # As root apt would complain that its sandbox user may not write here.
        apt-get download --quiet --quiet -o APT::Sandbox::User= \
            rustc-web libstd-rust-web-dev rust-web-src "$standard_library" ${llvm:+"$llvm"}
    ) || die "could not download rustc-web from Debian's archive"
    for deb in "$partial"/debs/*.deb; do
        dpkg-deb --extract "$deb" "$partial" || die "could not unpack ${deb##*/}"
    done
    rm -rf "$partial/debs" "$partial"/usr/src/rustc-*/{compiler,src,debian}
    cat >"$partial/rustc" <<'EOF'
#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH=$here/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$here/usr/bin/rustc" "$@"
EOF
    chmod +x "$partial/rustc"
}

dependency_of() {
    apt-cache depends "$1" | sed -n 's/^  Depends: //p' | grep -m 1 "$2" || true
}

main "$@"
