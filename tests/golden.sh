#!/usr/bin/env bash
# Imports the example files of csvkit and agate, which were made to be difficult, and checks that each is read whole or
# refused with a reason: no panic, no internal error, and counts that add up.
#
# They are fetched from PyPI into a temporary folder and nothing of them is kept. Where they cannot be fetched, this says
# so and succeeds. `EXOCAMP=path tests/golden.sh` checks another build than target/debug/exocamp.
set -euo pipefail
cd "$(dirname "$0")/.."

exocamp=$(realpath "${EXOCAMP:-target/debug/exocamp}")
[ -x "$exocamp" ] || { echo "no program at $exocamp: cargo build"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! python3 -m pip download --quiet --disable-pip-version-check --no-binary :all: --no-deps \
    --dest "$work/sdists" csvkit==2.2.0 agate==1.14.2 2>"$work/pip"; then
    echo "skipped: the examples cannot be fetched"
    exit 0
fi
for sdist in "$work"/sdists/*.tar.gz; do
    tar -xzf "$sdist" -C "$work"
done

# Whether the counts of an import add up, or those in the sentence that says why nothing was imported; prints the rows.
adds_up='
import json, re, sys
out, err = (open(name, encoding="utf-8").read() for name in sys.argv[1:])
none = re.search(r"none of the (\d+) rows can be called: ([0-9a-z_, ]+)", err + out)
if none:
    rows = int(none[1])
    assert rows == sum(int(count) for count in re.findall(r"\d+", none[2])), none[0]
    print(rows)
elif out.strip() and "rows" in json.loads(out):
    counts = json.loads(out)
    assert counts["rows"] == counts["accepted"] + counts["duplicates"] + counts["rejected"], counts
    print(counts["rows"])
'

imports=0 rows=0 failures=0
# Imports one file with the flags behind it; nothing may come of it but an import or a refusal.
check() {
    local file=$1 code=0 read=
    shift
    rm -rf "$work/home"
    mkdir "$work/home"
    env -i PATH="$PATH" HOME="$work/home" timeout 60 "$exocamp" -C "$work/home" --format json \
        import "$file" --dry-run --campaign golden "$@" >"$work/out" 2>"$work/err" || code=$?
    imports=$((imports + 1))
    local wrong=
    [ "$code" = 0 ] || [ "$code" = 2 ] || wrong="ends with $code"
    ! grep -q "panicked" "$work/err" || wrong="panics"
    read=$(python3 -c "$adds_up" "$work/out" "$work/err" 2>/dev/null) || wrong="has counts that do not add up"
    rows=$((rows + ${read:-0}))
    [ "$code" = 0 ] || [ -s "$work/err" ] || [ -s "$work/out" ] || wrong="says nothing"
    if [ -n "$wrong" ]; then
        failures=$((failures + 1))
        echo "${file#"$work/"} $*: $wrong"
        sed 's/^/    /' "$work/err" | head -5
    fi
}

while IFS= read -r -d '' file; do
    # None of these lists people, so their first column is made the number: the rows are then read to the end.
    first=$(head -n 1 "$file" | tr -d '\0\r"' | cut -d, -f1)
    check "$file" --map "phone=$first"
    check "$file" --no-header --map phone=1
    check "$file" --no-header --map phone=1 --encoding windows-1252 --delimiter semicolon
done < <(find "$work" -path '*/examples/*' \( -name '*.csv' -o -name '*.tsv' -o -name '*.xlsx' -o -name '*.xls' \) -print0 | sort -z)

echo "$imports imports, $rows rows accounted for, $failures wrong"
[ "$rows" -gt 0 ] && [ "$failures" = 0 ]
