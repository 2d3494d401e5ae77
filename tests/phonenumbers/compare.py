#!/usr/bin/env python3
"""Holds exocamp's verdicts on Indian numbers against Python's `phonenumbers`.

    cargo build --example verdicts
    tests/phonenumbers/compare.py                   # compares, prints the counts, fails on a difference without a reason
    tests/phonenumbers/compare.py --sample FILE     # and writes a few cells of every class to FILE

Cells of every type are made up from a fixed seed; the verdicts are those of `verdicts.rs`. The package is taken
from this Python, or else fetched from PyPI into a temporary folder; where that cannot be, the script says `skipped`.
Every class of difference stands in DIFFERENCES with its reason; one that is not there, or is there and does not occur,
is a failure.
"""

import csv
import importlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VERDICTS = ROOT / "target" / "debug" / "examples" / "verdicts"
SAMPLE = 3

# (our verdict, theirs): why we stay with ours, and the kinds of cells in which it occurs.
DIFFERENCES = {
    ("not_a_mobile", "a number"): (
        "ten bare digits: a landline, or as well a mobile with a wrong digit; a 0 or +91 before them would tell",
        {"bare landline", "digits", "garbage"},
    ),
    ("reserved_series", "a number"): (
        "they take 1600 and 1601 for mobiles; calls begin there and nobody answers. Bare 1900 is a service, with a 0 Keylong",
        {"1600", "unknown area", "bare landline"},
    ),
    ("extension", "a number with extension"): (
        "they take the extension off, and an automatic call would reach the switchboard",
        {"extension", "garbage"},
    ),
    ("letters", "a number"): (
        "they read letters as the digits of a keypad, or skip words; a mistyped letter becomes somebody else's number",
        {"keypad letters", "words around it", "garbage"},
    ),
    ("letters", "a number with extension"): ("as before", {"garbage"}),
    ("letters", "foreign"): ("as before", {"keypad letters"}),
    ("unexpected_character", "a number"): (
        "they skip any sign; we name it, since a person meant something by it",
        {"words around it", "garbage"},
    ),
    ("two_numbers", "a number"): (
        "they read the digits of both as one number, or drop the second",
        {"last digits", "garbage"},
    ),
    ("two_numbers", "a number with extension"): (
        "they take the second number behind a semicolon for an extension",
        {"two numbers"},
    ),
    ("placeholder", "a number"): (
        "they know which series exist, not what people type to get past a form",
        {"placeholder"},
    ),
    ("placeholder", "foreign"): ("as before: their examples count from 1 to 0", {"abroad"}),
    ("accepted", "invalid"): (
        "they count the zeros of a spreadsheet's fraction as digits of the number",
        {"fraction"},
    ),
    ("accepted", "another number"): (
        "and where it begins with 91, they take that for the country's code to make it fit",
        {"fraction"},
    ),
}


def spellings(rolls, national, std=0):
    """Ten national digits as people write them, with what says that they are complete."""
    area, rest = (national[:std], national[std:]) if std else (national[:5], national[5:])
    return [
        "0" + national,
        "91" + national,
        "+91" + national,
        "0091" + national,
        f"+91 {area} {rest}",
        f"+91-{area}-{rest}",
        f"0{area}-{rest}",
        f"(0{area}) {rest}",
        f"+91 (0){area} {rest}",
        f"+91 0{area} {rest}",
        f"tel:+91-{area}-{rest}",
        f"\u00a0+91\u00a0{area}\u00a0{rest}",
        f"\u200b0{national}",
        (f"+91{national}").translate(rolls.choice(SCRIPTS)),
    ]


def script(zero):
    return {ord("0") + digit: chr(zero + digit) for digit in range(10)}


SCRIPTS = [script(zero) for zero in (0x0660, 0x06F0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0xFF10)]


def cells(rolls, library, codes):
    """Every cell with its kind."""
    # The areas are theirs and may become more; what is found in noise must not change with them.
    noise = random.Random(5)

    def digits(count):
        return "".join(rolls.choice("0123456789") for _ in range(count))

    def subscriber(count):
        return rolls.choice("234567") + digits(count - 1)

    for series in range(6000, 10000):
        for _ in range(3):
            national = f"{series}{digits(6)}"
            yield "bare mobile", national
            yield "bare mobile", f"{national[:5]} {national[5:]}"
            for spelling in rolls.sample(spellings(rolls, national), 4):
                yield "mobile", spelling
    for code in codes:
        national = code + subscriber(10 - len(code))
        yield "bare landline", national
        for spelling in rolls.sample(spellings(rolls, national, len(code)), 5):
            yield "landline", spelling
    for code in range(10, 60):
        for _ in range(150):
            yield "unknown area", rolls.choice(["0", "+91", "0091 ", "+91 0"]) + f"{code}{digits(8)}"
    for _ in range(1500):
        prefix = rolls.choice(["", "", "0", "+91", "+91 ", "0091", "+91 0"])
        yield "1800", prefix + "1800" + digits(rolls.choice([4, 5, 6, 7, 7, 8, 9]))
        yield "140", prefix + "140" + digits(7)
        yield "1600", prefix + rolls.choice(["1600", "1601"]) + digits(6)
        yield "1860", prefix + "1860" + digits(7)
        yield "1900", prefix + "1900" + digits(7)
        yield "000800", "000800" + digits(7)
        yield "short code", rolls.choice(["", "", "0", "+91"]) + rolls.choice("15") + digits(rolls.choice([2, 3, 4, 5]))
        yield "placeholder", rolls.choice(["", "0", "+91"]) + placeholder(rolls)
        yield "digits", rolls.choice(["", "", "0", "+91", "0091"]) + digits(rolls.randint(1, 18))
        landline = "0" + rolls.choice(codes)
        landline += subscriber(11 - len(landline))
        pressed = rolls.choice([" ext. ", " x", " ext ", "x", ";ext=", " extn ", "#", " Ext: "])
        yield "extension", landline + pressed + digits(rolls.randint(1, 5))
        mobile = rolls.choice("6789") + digits(9)
        other = rolls.choice("6789") + digits(9)
        yield "fraction", mobile + rolls.choice([".0", ".00"])
        yield "two numbers", mobile + rolls.choice([" / ", "/", ", ", ";", " or ", " ", " & ", "\n", ":::"]) + other
        yield "last digits", mobile + "/" + digits(rolls.choice([1, 2, 3]))
        yield "keypad letters", rolls.choice(["0", "", "1800"]) + digits(3) + rolls.choice(["-", ""]) + "".join(rolls.choices("ABCDEFGHIJKL", k=7))
        yield "a letter for a digit", mobile[:5] + rolls.choice("OoIlSB") + mobile[6:]
        yield "scientific", rolls.choice(["{:.2E}", "{:.5E}", "{:.4e}"]).format(int("91" * rolls.randint(0, 1) + mobile))
        yield "words around it", rolls.choice(["Mob: {}", "{} (home)", "Ph.{}", "'{}", '="{}"', "{} Ramesh", "{}?"]).format(mobile)
        yield "garbage", "".join(noise.choices("0123456789" * 4 + "+-. ()/,;x#*e\u200b\u00a0०९", k=noise.randint(1, 18)))
    for region in sorted(library.SUPPORTED_REGIONS):
        for kind in (library.PhoneNumberType.MOBILE, library.PhoneNumberType.FIXED_LINE, library.PhoneNumberType.TOLL_FREE):
            example = library.example_number_for_type(region, kind)
            if example and region != "IN":
                number = library.format_number(example, library.PhoneNumberFormat.E164)
                yield "abroad", number
                yield "abroad", "00" + number[1:]
                yield "abroad", library.format_number(example, library.PhoneNumberFormat.INTERNATIONAL)


def placeholder(rolls):
    digit = rolls.choice("0123456789")
    place = rolls.randrange(10)
    return rolls.choice(["1234567890", digit * 10, digit * place + rolls.choice("0123456789") + digit * (9 - place)])


def theirs(library, cell):
    """Their verdict: a number to ring and its type, or why there is none."""
    try:
        number = library.parse(cell, "IN")
    except library.NumberParseException:
        return None, "no number"
    if not library.is_valid_number(number):
        return None, "invalid"
    kind = library.PhoneNumberType.to_string(library.number_type(number)).lower()
    if number.country_code != 91:
        kind = "foreign"
    if number.extension:
        kind += " with extension"
    return library.format_number(number, library.PhoneNumberFormat.E164), kind


PEOPLE = {"mobile", "fixed_line", "fixed_line_or_mobile"}
# Their types whose numbers we refuse as well, each by our name of it.
NAMES = {
    "toll_free": {"toll_free"},
    "uan": {"reserved_series"},
    "shared_cost": {"reserved_series"},
    "foreign": {"foreign"},
}


def difference(ours, number, kind):
    """Our verdict and theirs where they differ, `None` where they say the same."""
    kind, *extension = kind.split(" with ")
    they = " with ".join(["a number" if kind in PEOPLE else kind, *extension])
    if ours.startswith("+"):
        if ours == number and they == "a number":
            return None
        return "accepted", "another number" if number and ours != number else they
    if number is None or ours in NAMES.get(they, ()):
        return None
    return ours, they


def phonenumbers(folder):
    # The folder of this file comes first, and in it this file has the package's name.
    sys.path.pop(0)
    try:
        return importlib.import_module("phonenumbers")
    except ImportError:
        pass
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "phonenumbers==9.0.43"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if fetched.returncode != 0:
        return None
    sys.path.insert(0, folder)
    return importlib.import_module("phonenumbers")


def main():
    with tempfile.TemporaryDirectory() as folder:
        library = phonenumbers(folder)
        if library is None:
            print("skipped")
            return 0
        areas = importlib.import_module("phonenumbers.geodata").GEOCODE_DATA
        codes = sorted(code[2:6] for code in areas if code.startswith("91") and len(code) > 3)
        made = sorted(set(cells(random.Random(5), library, sorted(set(codes)))))
        verdicts = [theirs(library, cell) for _, cell in made]
    if not VERDICTS.exists():
        print("build it first: cargo build --example verdicts", file=sys.stderr)
        return 1
    lines = "".join(json.dumps(cell) + "\n" for _, cell in made)
    run = subprocess.run([VERDICTS], input=lines, capture_output=True, text=True, check=True)
    ours = run.stdout.split("\n")[:-1]
    assert len(ours) == len(made), "one verdict per cell"

    counts, shown, examples = Counter(), defaultdict(list), defaultdict(list)
    for (kind, cell), verdict, (number, their_kind) in zip(made, ours, verdicts):
        differs = difference(verdict, number, their_kind)
        key = (kind, *differs) if differs else kind
        counts[key] += 1
        shown[key].append((cell, verdict, number, their_kind))
        name = "accepted" if verdict.startswith("+") else verdict
        examples[(kind, name, their_kind)].append((cell, verdict, number or "", their_kind))

    listed = {(kind, *verdicts): reason for verdicts, (reason, kinds) in DIFFERENCES.items() for kind in kinds}
    found = {key: count for key, count in counts.items() if isinstance(key, tuple)}
    print(f"{len(made)} cells, phonenumbers {library.__version__}")
    for kind in sorted({kind for kind, _ in made}):
        print(f"{counts[kind]:>7} of {kind}: the same")
        for key in sorted(key for key in found if key[0] == kind):
            print(f"{found[key]:>7}   we: {key[1]}; they: {key[2]}; {listed.get(key, 'NOT LISTED')}")
    unlisted = sorted(found.keys() - listed.keys())
    unseen = sorted(listed.keys() - found.keys())
    for key in unlisted:
        print(f"not listed: {key}, such as {shown[key][:4]!r}")
    for key in unseen:
        print(f"listed, but does not occur: {key}")

    if "--sample" in sys.argv[1:]:
        path = sys.argv[sys.argv.index("--sample") + 1]
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["input", "ours", "theirs", "their_type", "kind"])
            for key in sorted(examples):
                rows = examples[key]
                for cell, verdict, number, their_kind in random.Random(5).sample(rows, min(SAMPLE, len(rows))):
                    writer.writerow([escaped(cell), verdict, number, their_kind, key[0]])
    return 1 if unlisted or unseen else 0


def escaped(cell):
    """A cell with backslashes and what cannot be seen as escapes, as the other files of fixtures/phone have it."""
    visible = lambda character: character == " " or (character.isprintable() and not character.isspace())
    return "".join(
        "\\\\" if character == "\\" else character if visible(character) else f"\\u{{{ord(character):x}}}"
        for character in cell
    )


if __name__ == "__main__":
    sys.exit(main())
