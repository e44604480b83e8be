"""What `scripts/interop` runs: parts one after the other, then the count. Not to be run by itself."""

import argparse
import json
import re
import shutil
import sys
import time

import lab
import matrix


def parts(quick):
    """Each part: its name, and what runs it with a score and a place for results."""
    sizes = matrix.QUICK if quick else matrix.FULL
    found = []
    for role, version, path in matrix.worlds(quick):
        def run(score, results, role=role, version=version, path=path):
            def record(*cell):
                results.append(dict(zip(("role", "version", "path", "algorithm", "work", "passed", "figure"), cell)))
            matrix.run_world(score, role, version, path, sizes, record)
        found.append((f"matrix: {role}, {version}, {path}", run))
    return found


def main():
    parser = argparse.ArgumentParser(prog="scripts/interop")
    parser.add_argument("--quick", action="store_true", help="each value of each axis once, small sizes")
    parser.add_argument("--list", action="store_true", help="the names of the parts")
    parser.add_argument("--filter", default="", metavar="REGEX", help="only parts whose name matches")
    parser.add_argument("--json", metavar="FILE", help="write what came out of each check")
    arguments = parser.parse_args()

    chosen = [part for part in parts(arguments.quick) if re.search(arguments.filter, part[0])]
    if arguments.list:
        for name, _ in chosen:
            print(name)
        return 0
    if not chosen:
        print(f"no part matches {arguments.filter}", file=sys.stderr)
        return 64
    score, results = lab.Score(), {}
    try:
        for name, run in chosen:
            began = time.monotonic()
            print(f"--- {name}", flush=True)
            run(score, results.setdefault(name.split(":")[0], []))
            print(f"    ({time.monotonic() - began:.0f} s)", flush=True)
    finally:
        lab.end_all()
        shutil.rmtree(lab.WORK, ignore_errors=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    print(score.last_line())
    return 1 if score.failures else 0


if __name__ == "__main__":
    sys.exit(main())
