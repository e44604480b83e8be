"""What came out, as the tables of Documentation/Reliability.md. Each kind of part has a section of its own there, between
two markers; a section is written when all parts of its kind were run.
"""

import os
import pathlib
import re
import subprocess

import matrix

PAGE = pathlib.Path(__file__).resolve().parent.parent.parent / "Documentation" / "Reliability.md"


def replace_section(text, name, lines):
    """The page with what stands between a section's markers replaced."""
    pattern = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.S)
    if not pattern.search(text):
        raise ValueError(f"the page has no section {name}")
    return pattern.sub(lambda found: found[1] + "\n".join(lines) + "\n" + found[2], text)


def first_line(*command):
    """Of what a program says of its version; nothing where it isn't there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip().splitlines()[0] if done.stdout + done.stderr else ""


def versions():
    found = []
    for name, command in (
            ("curl", ["curl", "--version"]), ("wget", ["wget", "--version"]), ("nginx", ["nginx", "-v"]),
            ("OpenSSH", ["ssh", "-V"]), ("iperf3", ["iperf3", "--version"]), ("redis", ["redis-server", "--version"]),
            ("PostgreSQL", ["psql", "--version"]), ("Python", ["python3", "--version"]), ("nmap", ["nmap", "--version"]),
            ("hping3", ["hping3", "--version"])):
        number = re.search(r"\d+\.\d+[\w.]*", first_line(*command))
        if number:
            found.append(f"{name} {number[0].rstrip('.')}")
    try:
        import scapy
        found.append(f"scapy {scapy.VERSION}")
    except ImportError:
        pass
    return ", ".join(found)


def outcome(rows):
    if not rows:
        return "–"
    bad = [row for row in rows if not row["passed"]]
    return "passed" if not bad else f"**{len(bad)} of {len(rows)} failed**"


def of_matrix(rows):
    done = sum(row["passed"] for row in rows)
    kernel = ".".join(os.uname().release.split(".")[:2])
    lines = [f"{done} of {len(rows)} checks passed, against Linux {kernel}.", "",
             "| | | path | " + " | ".join(f"kernel's {name}" for name in matrix.ALGORITHMS) + " |",
             "|---|---|---|" + "---|" * len(matrix.ALGORITHMS)]
    for role in matrix.ROLES:
        for version in matrix.VERSIONS:
            for path in matrix.PATHS:
                cells = []
                for algorithm in matrix.ALGORITHMS:
                    cell = {row["work"]: row for row in rows if (row["role"], row["version"], row["path"], row["algorithm"])
                            == (role, version, path, algorithm)}
                    bad = [work for work, row in cell.items() if not row["passed"]]
                    cells.append(f"**failed: {', '.join(bad)}**" if bad else
                                 f"{cell['bulk']['figure']}, {cell['in a row']['figure'].removesuffix(' each')}")
                lines.append(f"| {role} | {version} | {path} | {' | '.join(cells)} |")
    return lines


def of_programs(rows):
    done = sum(row["passed"] for row in rows)
    wires = list(dict.fromkeys(row["wire"] for row in rows))
    lines = [f"{done} of {len(rows)} checks passed: {versions()}.", "",
             "| program | what | " + " | ".join(f"{wire} wire" for wire in wires) + " |", "|---|---|" + "---|" * len(wires)]
    for program, what in dict.fromkeys((row["program"], row["what"]) for row in rows):
        cells = [outcome([row for row in rows if (row["program"], row["what"], row["wire"]) == (program, what, wire)])
                 for wire in wires]
        lines.append(f"| {program} | {what} | {' | '.join(cells)} |")
    return lines


def of_relay(rows):
    return [f"- {row['what']}: {outcome([row])}" for row in rows]


def of_hostile(rows):
    done = sum(row["passed"] for row in rows)
    lines = [f"{done} of {len(rows)} checks passed.", "", "| attack | what was seen on the wire | outcome |", "|---|---|---|"]
    merged = {}
    for row in rows:
        # The same for both IP versions is one line.
        what = re.sub(r"(over )?IPv[46]:? ?", "", row["what"]).replace(", :", ":").strip(" ,:")
        merged.setdefault((row["attack"], re.sub(r" +", " ", what)), []).append(row)
    for (attack, what), found in merged.items():
        if len(found) > 1:
            lines.append(f"| {attack} | {what} | {outcome(found)} (IPv4 and IPv6) |")
        else:
            lines.append(f"| {attack} | {found[0]['what']} | {outcome(found)} |")
    return lines


def of_accuracy(rows):
    lines = ["| | told | measured |", "|---|---|---|"]
    for row in rows:
        if row["what"] == "delay":
            load = f"under a load of {row['load']} Mbit/s" if row["load"] else "idle"
            lines.append(f"| delay each way, {load} | 20 ms | {row['median'] / 2:.2f} ms (median), "
                         f"{row['p99'] / 2:.2f} ms (99 %) |")
        elif row["what"] == "rate":
            lines.append(f"| rate, offered 112 Mbit/s | 100 Mbit/s | {row['measured']:.2f} Mbit/s |")
        elif row["what"] == "goodput":
            lines.append(f"| goodput of the kernel's CUBIC | at most {row['told']:.1f} Mbit/s | {row['measured']:.1f} Mbit/s |")
        elif row["what"] == "loss":
            lines.append(f"| loss of {row['count']:,} packets | 1 % ± {row['width'] * 100:.2f} (99.9 % confidence) | "
                         f"{row['measured'] * 100:.2f} % |")
    return lines


SECTIONS = {"matrix": of_matrix, "relay": of_relay, "programs": of_programs, "hostile": of_hostile, "accuracy": of_accuracy}


def write(results):
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in results.items():
        text = replace_section(text, name, SECTIONS[name](rows))
    PAGE.write_text(text, encoding="utf-8")
