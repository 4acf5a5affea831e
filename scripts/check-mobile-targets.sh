#!/usr/bin/env bash
# Type-checks pocketune-ffi and all below it for Android and iOS, including the
# code that only these compile, without an NDK or Xcode.
#
#     scripts/check-mobile-targets.sh [TARGET...]
#                      (default: aarch64-linux-android aarch64-apple-ios)
#
# It checks Rust only: C and C++ are replaced by scripts/stand-ins/, nothing is
# linked. Real libraries come from scripts/build-android.sh and build-ios.sh.
#
# The standard library of these targets is checked from source. A Rust that has
# its source (rustup component add rust-src) is used; otherwise, on Debian, the
# packages of rustc-web are unpacked under ~/.cache/pocketune, once, 0.9 GB.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

PACKAGE=pocketune-ffi
STAND_INS=$SCRIPTS/stand-ins
WORK=$TARGET/mobile-check

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    local targets=("$@") target
    [ $# -gt 0 ] || targets=(aarch64-linux-android aarch64-apple-ios)

    RUSTC=$(rustc_with_source)
    fake_ndk
    for target in "${targets[@]}"; do
        say "checking $PACKAGE for $target"
        check "$target"
    done
}

check() {
    local target=$1 underscored=${1//-/_}
    cd "$ROOT"
    # RUSTC_BOOTSTRAP lets a stable compiler check std from source, and cargo deny
    # our warnings: clippy never sees this code. The CPU level of env.sh is the
    # host's, not the target's.
    env --unset=RUSTFLAGS --unset=IPHONEOS_DEPLOYMENT_TARGET \
        "CC_$underscored=$STAND_INS/cc" "CXX_$underscored=$STAND_INS/cc" \
        "AR_$underscored=$STAND_INS/ar" CMAKE="$STAND_INS/cmake" \
        PATH="$STAND_INS/path:$PATH" \
        "BINDGEN_EXTRA_CLANG_ARGS_$underscored=-isystem $STAND_INS/include" \
        ANDROID_NDK="$WORK/ndk" \
        RUSTC="$RUSTC" RUSTC_BOOTSTRAP=1 CARGO_PROFILE_DEV_DEBUG=false \
        cargo check --package "$PACKAGE" --lib --target "$target" --target-dir "$WORK" \
        -Z build-std=std,panic_abort -Z warnings --config 'build.warnings="deny"'
}

# The folders and the one file whose presence llama-cpp-sys-2 asks for.
fake_ndk() {
    mkdir -p "$WORK"/ndk/build/cmake "$WORK"/ndk/toolchains/llvm/prebuilt/linux-x86_64/sysroot
    : >"$WORK/ndk/build/cmake/android.toolchain.cmake"
}

# Prints a rustc whose sysroot holds the standard library's source.
rustc_with_source() {
    if [ -f "$(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; then
        command -v rustc
        return
    fi
    is_debian || die "no source of Rust's standard library: rustup component add rust-src"
    local prefix=$CACHE/rustc-web
    [ -d "$prefix" ] || unpack_rustc "$prefix"
    printf '%s\n' "$prefix/rustc"
}

# Unpacked instead of installed: rustc-web and rustup exclude each other.
unpack_rustc() {
    local prefix=$1 partial=$1.partial standard_library llvm deb
    say "unpacking Debian's rustc-web and its source in $prefix (once)"
    if is_root; then apt-get update --quiet --quiet; fi
    standard_library=$(dependency_of libstd-rust-web-dev '^libstd-rust-web-[0-9]')
    llvm=$(dependency_of "$standard_library" '^libllvm')
    rm -rf "$partial"
    mkdir -p "$partial/debs"
    (
        cd "$partial/debs"
        # As root apt would complain that its sandbox user may not write here.
        apt-get download --quiet --quiet -o APT::Sandbox::User= \
            rustc-web libstd-rust-web-dev rust-web-src "$standard_library" ${llvm:+"$llvm"}
    ) || die "could not download rustc-web from Debian's archive"
    for deb in "$partial"/debs/*.deb; do
        dpkg-deb --extract "$deb" "$partial"
    done
    rm -rf "$partial/debs" "$partial"/usr/src/rustc-*/{compiler,src,debian}
    cat >"$partial/rustc" <<'EOF'
#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH=$here/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$here/usr/bin/rustc" "$@"
EOF
    chmod +x "$partial/rustc"
    mv "$partial" "$prefix"
}

dependency_of() {
    apt-cache depends "$1" | sed -n 's/^  Depends: //p' | grep -m 1 "$2" || true
}

main "$@"
