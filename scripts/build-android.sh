#!/usr/bin/env bash
# Builds what the Android SDK ships: libpocketune_ffi.so for arm64-v8a and for
# the emulator (x86_64), libc++_shared.so beside each, and the Kotlin bindings.
#
#     scripts/build-android.sh [--arm-arch ARCH] [--api LEVEL]
#
#     --arm-arch  the ARM level ggml's kernels are compiled for. Default: armv8-a,
#                 which every 64-bit phone runs. armv8.2-a+dotprod is several times
#                 faster on quantized models and runs on phones from about 2018
#                 on; on an older one it ends the app with SIGILL.
#     --api       lowest Android API level. Default: 26.
#
# Needs, and says so where it is missing: an Android NDK, r28 or newer
# (ANDROID_NDK_HOME, or the newest under ANDROID_HOME), rustup with the targets
# aarch64-linux-android and x86_64-linux-android, cargo-ndk 4, and the tools of
# scripts/install-tools.sh --only rust. Ends by checking that every library can
# be loaded on devices with 16 KB pages.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

OUTPUT=$ROOT/android/sdk/src/main/jniLibs
NDK_MINIMUM=28

main() {
    local arm_arch=armv8-a api=26
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit ;;
            --arm-arch) arm_arch=${2:?--arm-arch needs a value} && shift 2 ;;
            --api) api=${2:?--api needs a level} && shift 2 ;;
            *) die "unknown argument: $1 (see --help)" ;;
        esac
    done
    local ndk
    ndk=$(find_ndk)
    require_tools
    cd "$ROOT"

    # The CPU level of env.sh is this machine's, not a phone's.
    unset RUSTFLAGS
    # llama-cpp-sys-2 and cargo-ndk each have their own name for the NDK.
    export ANDROID_NDK=$ndk ANDROID_NDK_HOME=$ndk GGML_CPU_ARM_ARCH=$arm_arch
    mkdir -p "$OUTPUT"
    cargo ndk --target arm64-v8a --target x86_64 --platform "$api" --link-libcxx-shared \
        --output-dir "$OUTPUT" build --profile mobile --package pocketune-ffi --lib
    "$SCRIPTS/gen-bindings.sh"
    check_page_size "$ndk"
    say "built: ${OUTPUT#"$ROOT"/}; the AAR: (cd android && gradle :sdk:assembleRelease)"
}

find_ndk() {
    local ndk=${ANDROID_NDK_HOME:-${ANDROID_NDK_ROOT:-}} sdk=${ANDROID_HOME:-${ANDROID_SDK_ROOT:-}}
    if [ -z "$ndk" ] && [ -n "$sdk" ] && [ -d "$sdk/ndk" ]; then
        ndk=$(find "$sdk/ndk" -mindepth 1 -maxdepth 1 -type d | sort -V | tail -n 1)
    fi
    if [ -z "$ndk" ] || [ ! -f "$ndk/source.properties" ]; then
        die "no Android NDK: install r$NDK_MINIMUM or newer with Android Studio's SDK manager and set ANDROID_NDK_HOME"
    fi
    local version
    version=$(sed -n 's/^Pkg.Revision *= *//p' "$ndk/source.properties")
    version_at_least "$version" "$NDK_MINIMUM" ||
        die "NDK $version is too old: r$NDK_MINIMUM is the first whose libraries fit devices with 16 KB pages"
    printf '%s\n' "$ndk"
}

require_tools() {
    have rustup || die "no rustup: the Android targets of Rust come from it"
    local target
    for target in aarch64-linux-android x86_64-linux-android; do
        rustup target list --installed | grep -qx "$target" || die "rustup target add $target"
    done
    cargo ndk --version >/dev/null 2>&1 || die "cargo install cargo-ndk --version 4.1.2 --locked"
}

# A library whose segments are aligned to less cannot be loaded there.
check_page_size() {
    local readelf library
    readelf=$(find "$1/toolchains/llvm/prebuilt" -name llvm-readelf -print -quit)
    for library in "$OUTPUT"/*/*.so; do
        "$readelf" --program-headers --wide "$library" |
            awk -v library="${library#"$ROOT"/}" '
                $1 == "LOAD" && strtonum_hex($NF) < 16384 { bad = 1 }
                END { if (bad) { print library ": segments of less than 16 KB"; exit 1 } }
                function strtonum_hex(text,    i, value) {
                    text = tolower(substr(text, 3))
                    for (i = 1; i <= length(text); i++)
                        value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
                    return value
                }' >&2 || die "16 KB pages: refused"
    done
}

main "$@"
