# shellcheck shell=bash
# Chooses the x86-64 level that Rust and ggml are compiled for. Source it:
#
#     . scripts/env.sh && cargo test --release
#
# .cargo/config.toml asks for x86-64-v3 (AVX2), which llama.cpp's kernels need
# to be fast at all. Where this CPU has AVX-512 the level is raised to
# x86-64-v4. It is never `native`: that would switch on ggml's AMX kernels,
# which fault on hosts that list AMX without granting its tiles. A RUSTFLAGS
# that is already set is left alone, and so is any other architecture.

_pocketune_has() {
    local flag
    for flag in "$@"; do
        case "$_pocketune_flags" in *" $flag "*) ;; *) return 1 ;; esac
    done
}

_pocketune_env() {
    # Said once: child scripts inherit the choice.
    [ -z "${POCKETUNE_CPU-}" ] || return 0
    [ "$(uname -m)" = x86_64 ] && [ -r /proc/cpuinfo ] || return 0

    local _pocketune_flags
    _pocketune_flags=" $(sed -n 's/^flags[[:space:]]*: //p;/^flags/q' /proc/cpuinfo) "
    if ! _pocketune_has avx2 fma bmi2 f16c; then
        printf '%s\n' \
            'env.sh: this CPU has no AVX2 (x86-64-v3), for which .cargo/config.toml compiles.' \
            'To build for it all the same, much slower: RUSTFLAGS="-C target-cpu=x86-64-v2" cargo build --release' >&2
        [ -n "${RUSTFLAGS-}" ] || return 1
    fi
    if [ -n "${RUSTFLAGS-}" ]; then
        export POCKETUNE_CPU=custom
    elif _pocketune_has avx512f avx512bw avx512cd avx512dq avx512vl; then
        export POCKETUNE_CPU=x86-64-v4 RUSTFLAGS='-C target-cpu=x86-64-v4'
        # A separate instruction set as far as compilers go; ggml's quantized
        # products gain most from it.
        if _pocketune_has avx512_vnni; then
            RUSTFLAGS+=' -C target-feature=+avx512vnni'
        fi
    else
        export POCKETUNE_CPU=x86-64-v3
    fi
    printf 'env.sh: building for %s%s\n' "$POCKETUNE_CPU" "${RUSTFLAGS:+ ($RUSTFLAGS)}" >&2
}

# A shell opened before Rust was installed does not have it on its PATH.
if ! command -v cargo >/dev/null 2>&1 && [ -x "$HOME/.cargo/bin/cargo" ]; then
    export PATH="$HOME/.cargo/bin:$PATH"
fi
_pocketune_env
