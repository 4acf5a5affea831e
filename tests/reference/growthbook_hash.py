"""GrowthBook's own cases for hashing and bucketing: growthbook_hash.json.

    python growthbook_hash.py growthbook-rust-0.4.0/tests/cases/cases.json

The file is the corpus that every GrowthBook SDK must pass, as the crate growthbook-rust
carries it. Only sections that concern the assignment of users are kept, unchanged.
"""

import hashlib
import json
import pathlib
import sys

CRATE = {"crate": "growthbook-rust", "version": "0.4.0", "licence": "MIT"}
SHA256 = "01811b2c39ab6f80426376342fa8338f5447d6d1a9d14095dbc06fc3cc882bf3"
SECTIONS = ["hash", "getEqualWeights", "getBucketRange", "chooseVariation", "inNamespace"]
RESULT = pathlib.Path(__file__).with_name("growthbook_hash.json")


def lines(cases):
    return "[\n" + ",\n".join("  " + json.dumps(case) for case in cases) + "\n ]"


source = pathlib.Path(sys.argv[1]).read_bytes()
sha256 = hashlib.sha256(source).hexdigest()
if sha256 != SHA256:
    sys.exit(f"{sys.argv[1]} has SHA-256 {sha256}, not {SHA256}")
corpus = json.loads(source)
origin = {**CRATE, "file": "tests/cases/cases.json", "spec": corpus["specVersion"], "sha256": sha256}
entries = [f' "origin": {json.dumps(origin)}']
entries += [f' "{section}": {lines(corpus[section])}' for section in SECTIONS]
RESULT.write_text("{\n" + ",\n".join(entries) + "\n}\n")
print({section: len(corpus[section]) for section in SECTIONS})
