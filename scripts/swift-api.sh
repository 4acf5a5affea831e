#!/usr/bin/env bash
# The public API of the Swift package as a listing, ios/api/Pocketune.api.
#
#     scripts/swift-api.sh            # writes it anew
#     scripts/swift-api.sh --check    # compares; fails and says what differs
#
# Reads the module that scripts/test-swift.sh built (it runs --check itself). A change
# of the listing is a change for apps: it belongs into the commit, and into the changelog.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

LISTING=$ROOT/ios/api/Pocketune.api

main() {
    local mode=write
    case "${1-}" in
    -h | --help) usage && exit ;;
    --check) mode=check ;;
    '') ;;
    *) die "unknown argument: $1 (see --help)" ;;
    esac
    local modules graphs=$ROOT/ios/.build/api
    modules=$(find "$ROOT/ios/.build/" -path '*/debug/Modules/Pocketune.swiftmodule' | sed -n 1p)
    [ -n "$modules" ] || die "the package is not built: scripts/test-swift.sh first"
    rm -rf "$graphs"
    mkdir -p "$graphs"
    "$SCRIPTS/swift.sh" symbolgraph-extract -module-name Pocketune -target "$(target)" \
        -I "${modules%/*}" -I "$ROOT/ios/Sources/CPocketune/include" \
        -minimum-access-level public -skip-synthesized-members -output-dir "$graphs"
    listing "$graphs/Pocketune.symbols.json" >"$graphs/Pocketune.api"
    if grep -n 'PocketuneFFI' "$graphs/Pocketune.api" >&2; then
        die "a public signature names the generated module"
    fi
    if [ "$mode" = check ]; then
        diff -u "$LISTING" "$graphs/Pocketune.api" >&2 ||
            die "the public API of the Swift package changed. If that is meant: scripts/swift-api.sh, and the changelog"
    else
        mkdir -p "${LISTING%/*}"
        cp "$graphs/Pocketune.api" "$LISTING"
        say "wrote ${LISTING#"$ROOT"/}"
    fi
}

target() {
    "$SCRIPTS/swift.sh" -print-target-info | python3 -c '
import json, sys
print(json.load(sys.stdin)["target"]["unversionedTriple"])'
}

# One line a declaration, members below their type, sorted. What the compiler derives for a
# conformance is told by the conformance.
listing() {
    python3 - "$1" <<'PY'
import json
import sys

DERIVED = {
    "init(from:)", "encode(to:)", "hash(into:)", "hashValue", "==(_:_:)", "!=(_:_:)",
    "init(rawValue:)", "rawValue", "RawValue", "allCases", "AllCases",
}

# What every type has, which some compilers tell and some do not.
IMPLIED = {"Copyable", "Escapable", "BitwiseCopyable", "SendableMetatype"}

with open(sys.argv[1], encoding="utf-8") as file:
    graph = json.load(file)

conformances = {}
for relation in graph["relationships"]:
    protocol = relation.get("targetFallback", relation["target"]).split(".")[-1]
    if relation["kind"] == "conformsTo" and protocol not in IMPLIED:
        conformances.setdefault(relation["source"], set()).add(protocol)

lines = []
for symbol in graph["symbols"]:
    path = symbol["pathComponents"]
    if len(path) > 1 and path[-1] in DERIVED:
        continue
    text = "".join(part["spelling"] for part in symbol["declarationFragments"])
    text = " ".join(text.split())
    known = conformances.get(symbol["identifier"]["precise"])
    if known:
        text = text.split(" : ")[0] + " : " + ", ".join(sorted(known))
    text = text.replace("Decodable, Encodable", "Codable")
    lines.append((path, "    " * (len(path) - 1) + text))

# A type's path is the beginning of its members'.
for _, line in sorted(lines):
    print(line)
PY
}

main "$@"
