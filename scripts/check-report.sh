#!/usr/bin/env bash
# Shows a report of an experiment in Chromium, as people will see it: wide and on a phone
# (390 pixels), light and dark, and printed.
#
#     scripts/check-report.sh [REPORT.html]      (default: one of a made-up experiment)
#
# Pictures go to target/report/. Fails where the page logs an error, asks the network for
# anything, is wider than its window, or looks the same in the dark.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$SCRIPTS/env.sh"

PHONE=390
WIDE=1200
# Chromium makes no window narrower than this; the phone's page is a frame in it.
WINDOW_LEAST=500
FIXTURES=$ROOT/rust/cli/tests/fixtures/report
OUT=$TARGET/report

main() {
    case "${1-}" in -h | --help) usage && exit ;; esac
    "$SCRIPTS/install-tools.sh" --only rust,browser
    mkdir -p "$OUT"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    check_the_check
    if [ $# -gt 0 ]; then cp "$1" "$OUT/report.html"; else sample_report; fi

    local width
    for width in "$WIDE" "$PHONE"; do
        show "$OUT/report.html" "$width" light
        show "$OUT/report.html" "$width" dark
        if cmp -s "$OUT/light-$width.png" "$OUT/dark-$width.png"; then
            die "at $width pixels it looks the same in the dark"
        fi
    done
    for width in 320 681 861; do size_within "$OUT/report.html" "$width" >/dev/null; done
    browse --no-pdf-header-footer --print-to-pdf="$OUT/print.pdf" "file://$OUT/report.html"
    [ -s "$OUT/print.pdf" ] || die "it cannot be printed"
    local found
    found=$(complaints)
    [ -z "$found" ] || die "$found"
    say "looked at in Chromium, nothing to object: $OUT"
}

sample_report() {
    cd "$ROOT"
    cargo build --quiet --release --bin pocketune
    local pocketune=$TARGET/release/pocketune
    "$pocketune" experiment simulate --quiet --definition "$FIXTURES/definition.json" \
        --items "$FIXTURES/items.jsonl" --experiments 1 --seed 3 \
        --ledger-out "$work/phone.jsonl" --ledger-start 2026-11-01T00:00:00Z >/dev/null
    "$pocketune" experiment report --quiet --definition "$FIXTURES/definition.json" \
        --ledger "$work/phone.jsonl" --reward "$FIXTURES/reward.json" \
        --samples "$FIXTURES/samples.jsonl" --subject "items=$FIXTURES/items.jsonl" \
        --at 2026-11-26T12:00:00Z --out "$OUT/report.html" >/dev/null
}

# A page with every fault must be found to have them.
check_the_check() {
    cat >"$work/bad.html" <<'END'
<!doctype html><p style="width: 600px">wide</p>
<script>console.error("a fault"); fetch("http://report.invalid/").catch(() => 0)</script>
END
    local size
    size=$(size_of "$work/bad.html" "$PHONE")
    [ "${size% *}" -gt "$PHONE" ] || die "a page that is too wide was not noticed"
    case $(complaints) in
        *console*network*) rm "$work/log" "$work"/net-*.json ;;
        *) die "a bad page was not noticed: $(complaints)" ;;
    esac
}

# show PAGE WIDTH light|dark: a picture of the whole page.
show() {
    local size scheme=1
    size=$(size_within "$1" "$2")
    [ "$3" = light ] || scheme=0
    frame "$1" "$2" "${size#* }" >"$work/frame.html"
    browse --blink-settings=preferredColorScheme="$scheme" --hide-scrollbars \
        --window-size="$(window "$2"),${size#* }" --screenshot="$OUT/$3-$2.png" "file://$work/frame.html"
    [ -s "$OUT/$3-$2.png" ] || die "no picture at $2 pixels"
}

# size_within PAGE WIDTH: the page's size, if it fits into that width.
size_within() {
    local size
    size=$(size_of "$1" "$2")
    [ "${size% *}" -le "$2" ] || die "at $2 pixels the page is ${size% *} wide"
    printf '%s\n' "$size"
}

# size_of PAGE WIDTH: width and height of the page where the window is so wide.
size_of() {
    frame "$1" "$2" 10 >"$work/frame.html"
    browse --hide-scrollbars --window-size="$(window "$2"),800" --dump-dom "file://$work/frame.html" |
        sed -n 's/.*data-size="\([0-9]* [0-9]*\)".*/\1/p' | grep . || die "the page was not shown"
}

frame() {
    cat <<END
<!doctype html><html><head><meta name="color-scheme" content="light dark">
<style>body { margin: 0 } iframe { display: block; border: 0; width: $2px; height: $3px }</style></head>
<body><iframe src="file://$1"></iframe><script>
onload = () => {
    const page = document.querySelector("iframe").contentDocument.documentElement;
    document.documentElement.dataset.size = page.scrollWidth + " " + page.scrollHeight;
};
</script></body></html>
END
}

window() { echo $(($1 > WINDOW_LEAST ? $1 : WINDOW_LEAST)); }

# Chromium asks for things of its own too; no name resolves.
browse() {
    timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --user-data-dir="$(mktemp -d "$work/profile-XXXXXX")" --host-resolver-rules='MAP * ~NOTFOUND' \
        --allow-file-access-from-files --enable-logging=stderr \
        --log-net-log="$(mktemp "$work/net-XXXXXX.json")" "$@" 2>>"$work/log"
}

# What pages logged, and what they asked the network for: requests of Chromium itself do
# not come from a file.
complaints() {
    sed -n 's/.*:CONSOLE[(:][0-9]*[])]* /console: /p' "$work/log"
    sed -n -E '/"network_isolation_key":"file:/s/.*"url":"((http|ws)s?:[^"]*)".*/network: \1/p' \
        "$work"/net-*.json | sort -u
}

main "$@"
