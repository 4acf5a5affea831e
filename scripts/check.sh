#!/usr/bin/env bash
# Formatting, lints, licences: what a reviewer should not have to look for.
#
#     scripts/check.sh [--fix] [--only CHECK]... [--without CHECK]...
#
#     rustfmt       Rust formatting
#     architecture  layers of crates, order and circles of modules, places of unsafe code, as
#                   rust/ARCHITECTURE.md says
#     clippy        Rust lints, warnings are errors
#     ktlint        Kotlin formatting and style
#     swift-format  Swift formatting and style
#     deny          licences, banned crates and sources of the dependency tree, and advisories
#                   about it, where RustSec's database of them can be fetched
#     scripts       shellcheck over these scripts
#
# --fix lets the formatters rewrite files. Every check runs, whatever fails.

# shellcheck disable=SC2317  # the checks are called by name
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

KTLINT=1.8.0
CHECKS=(rustfmt architecture scripts deny ktlint swift-format clippy)

main() {
    local selected=() without=' ' fix='' check
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit ;;
            --fix) fix=--fix && shift ;;
            --only) check_known "${2-}" && selected+=("$2") && shift 2 ;;
            --without) check_known "${2-}" && without+="$2 " && shift 2 ;;
            *) die "unknown argument: $1 (see --help)" ;;
        esac
    done
    cd "$ROOT"
    # One check runs here; several run as children, so that each ends at its
    # first error and the others still run.
    if [ ${#selected[@]} -eq 1 ]; then
        "check_${selected[0]//-/_}" "$fix"
        exit
    fi
    [ ${#selected[@]} -gt 0 ] || selected=("${CHECKS[@]}")
    for check in "${selected[@]}"; do
        case $without in
            *" $check "*) leave_out "$check" ;;
            *) step "$check" "$SCRIPTS/check.sh" --only "$check" ${fix:+"$fix"} ;;
        esac
    done
    finish_steps
}

# Not in a substitution: only this shell's own exit ends the script.
check_known() {
    case " ${CHECKS[*]} " in
        *" ${1:-none} "*) ;;
        *) die "unknown check: ${1:-none} (${CHECKS[*]})" ;;
    esac
}

check_rustfmt() {
    if [ -n "$1" ]; then cargo fmt --all; else cargo fmt --all --check; fi
}

check_architecture() {
    cargo test --release --package pocketune-architecture --quiet
}

check_clippy() {
    local fix=()
    [ -z "$1" ] || fix=(--fix --allow-dirty --allow-staged)
    cargo clippy --workspace --all-targets --release "${fix[@]}" -- -D warnings
}

check_ktlint() {
    local jar=$TOOLS/ktlint-cli-$KTLINT-all.jar files=()
    mapfile -t files < <(find android tests/kotlin -name build -prune -o -name target -prune -o \
        \( -name '*.kt' -o -name '*.kts' \) -print)
    if [ ${#files[@]} -eq 0 ]; then
        say "no Kotlin sources"
        return
    fi
    if [ ! -f "$jar" ]; then
        # Its name comes last: a download that was cut short is no jar.
        mvn --batch-mode --quiet dependency:copy -Dartifact="com.pinterest.ktlint:ktlint-cli:$KTLINT:jar:all" \
            -DoutputDirectory="$TOOLS/ktlint.partial"
        mv "$TOOLS/ktlint.partial/${jar##*/}" "$jar"
    fi
    java --add-opens java.base/java.lang=ALL-UNNAMED -jar "$jar" --relative --log-level=warn \
        ${1:+--format} "${files[@]}"
}

check_swift_format() {
    local paths=() path
    for path in ios/Package.swift ios/Sources/Pocketune ios/Tests ios/App; do
        [ ! -e "$path" ] || paths+=("$path")
    done
    if [ -n "$1" ]; then
        "$SCRIPTS/swift.sh" format format --in-place --parallel --recursive "${paths[@]}"
    else
        "$SCRIPTS/swift.sh" format lint --strict --parallel --recursive "${paths[@]}"
    fi
}

check_deny() {
    local cargo_deny
    cargo_deny=$("$SCRIPTS/cargo-tool.sh" cargo-deny)
    "$cargo_deny" --log-level warn check --hide-inclusion-graph licenses bans sources
    check_advisories "$cargo_deny"
}

# The database is a git repository, which not every machine can fetch: that is said, and the
# other checks hold without it. An older copy is better than none, and its age is said too.
check_advisories() {
    local cargo_deny=$1 why copy
    # Where a network drops what it does not let through, nobody would ever answer.
    if ! why=$(timeout 60 "$cargo_deny" --log-level error fetch db 2>&1); then
        say "$why"
        why=$(sed -n 's/^fatal: //p' <<<"$why" | sed -n 1p)
        copy=$(advisory_copy)
        if [ -z "$copy" ]; then
            remark "advisories not checked: no database${why:+ ($why)}"
            return
        fi
        remark "advisories after $copy not checked: no newer database${why:+ ($why)}"
    fi
    "$cargo_deny" --log-level warn check --disable-fetch --hide-inclusion-graph advisories
}

# The day of the newest advisory of a copy that was fetched before.
advisory_copy() {
    local folder
    for folder in "${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs/*/; do
        git -C "$folder" log -1 --format=%cs 2>/dev/null && return
    done
    return 0
}

check_scripts() {
    shellcheck scripts/*.sh scripts/stand-ins/{ar,cc,cmake,path/xcrun} .ci/run
}

main "$@"
