"""What `scripts/interop` runs: parts one after the other, then the count. Not to be run by itself."""

import argparse
import json
import logging
import os
import re
import resource
import sys
import time
import traceback

import accuracy
import lab
import matrix
import programs
import relaying
import report

# scapy tells of interfaces without addresses, which is what there are here.
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)


def parts(quick):
    """Each part: its name, and what runs it with a score and a place for results."""
    work, sizes = (matrix.QUICK, programs.QUICK) if quick else (matrix.FULL, programs.FULL)
    found = []
    for role, version, path in matrix.worlds(quick):
        def run(score, results, role=role, version=version, path=path):
            def record(*cell):
                results.append(dict(zip(("role", "version", "path", "algorithm", "work", "passed", "figure"), cell)))
            matrix.run_world(score, role, version, path, work, record)
        found.append((f"matrix: {role}, {version}, {path}", run))
    found.append(("relay", lambda score, results: relaying.run(score, results, quick)))
    for number, (name, body) in enumerate(programs.PROGRAMS):
        # In a hurry each program meets one of the wires.
        for wire in (list(programs.WIRES)[number % 2],) if quick else programs.WIRES:
            def run(score, results, body=body, name=name, wire=wire):
                programs.run(score, results, body, name, wire, sizes)
            found.append((f"programs: {name}, {wire} wire", run))
    for name in ("odd packets", "changed packets", "scans", "floods"):
        def run(score, results, name=name):
            try:
                import hostile
            except ImportError as error:
                score.skip(name, f"scapy is not installed ({error})")
                return
            hostile.run(score, results, name, quick)
        found.append((f"hostile: {name}", run))
    return found


def main():
    parser = argparse.ArgumentParser(prog="scripts/interop")
    parser.add_argument("--quick", action="store_true", help="each value of each axis once, small sizes")
    parser.add_argument("--list", action="store_true", help="the names of the parts")
    parser.add_argument("--filter", default="", metavar="REGEX", help="only parts whose name matches")
    parser.add_argument("--accuracy", action="store_true", help="measure `sockeye bridge` instead")
    parser.add_argument("--json", metavar="FILE", help="write what came out of each check")
    parser.add_argument("--markdown", action="store_true", help="write the results into Documentation/Reliability.md")
    arguments = parser.parse_args()
    if arguments.markdown and arguments.quick:
        parser.error("--quick is no result to be written down")

    everything = [("accuracy", accuracy.run)] if arguments.accuracy else parts(arguments.quick)
    chosen = [part for part in everything if re.search(arguments.filter, part[0])]
    if arguments.list:
        for name, _ in chosen:
            print(name)
        return 0
    if not chosen:
        print(f"no part matches {arguments.filter}", file=sys.stderr)
        return 64
    # A crowd of connections has three descriptors each, two of them here.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    lab.begin()
    score, results = lab.Score(), {}
    try:
        for name, run in chosen:
            began = time.monotonic()
            print(f"--- {name}", flush=True)
            try:
                run(score, results.setdefault(name.split(":")[0], []))
            except Exception:  # The other parts go on, and the count tells.
                score.check(f"{name} runs to its end", False, traceback.format_exc())
            print(f"    ({time.monotonic() - began:.0f} s)", flush=True)
    finally:
        lab.end_all()
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    if arguments.markdown:
        skipped = {name.split(":")[0] for name, _ in everything if name not in {name for name, _ in chosen}}
        report.write({kind: rows for kind, rows in results.items() if kind not in skipped})
    print(score.last_line())
    # Where everything is to be there, what can't be tried is not shown.
    strict = os.environ.get("CI") == "true"
    return 1 if score.failures or strict and score.skips else 0


if __name__ == "__main__":
    sys.exit(main())
