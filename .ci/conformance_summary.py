"""Prints what the official conformance suite found, and fails unless all of it passed.

usage: conformance_summary.py NAME RESULTS_DIR SPARSE
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ET

# What a run must at least hold; fewer checks means that the suite did not run as we think it did.
MINIMUM_CHECKS = 900
MINIMUM_LINES = 50
# With the sparse data off the suite cannot test it; nothing else may be disabled.
SPARSE_LINE = "Sparse Manifests"


def lines(results: pathlib.Path) -> dict[str, str]:
    """The suite's own lines, from results.yaml: `apis:` and `data:` at the top level."""
    found, section = {}, None
    for line in results.read_text().splitlines():
        if re.fullmatch(r"\S+:", line):
            section = line[:-1]
        elif section in ("apis", "data"):
            name, _, status = line.strip().rpartition(": ")
            found[f"{section}: {name}"] = status.strip('"')
    return found


def main() -> int:
    run, directory, sparse = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3] == "true"
    try:
        found = lines(directory / "results.yaml")
        junit = ET.parse(directory / "junit.xml").getroot()
    except (OSError, ET.ParseError) as error:
        output = directory / "output.txt"
        print(output.read_text()[-4000:] if output.exists() else "")
        print(f"official conformance, {run}: no results ({error})")
        return 1

    cases = list(junit.iter("testcase"))
    # The suite counts every step; a test case here is only a leaf of its tree.
    total, *bad = (
        int(junit.get(key, 0)) for key in ("tests", "failures", "errors", "skipped", "disabled")
    )

    print(f"official conformance, {run}: {directory}/report.html")
    for name, status in found.items():
        print(f"  {name:<40} {status}")
    print(
        f"  {total} checks: {total - sum(bad)} passed, {bad[0]} failed, {bad[1]} errors, "
        f"{bad[2]} skipped, {bad[3]} disabled"
    )

    wrong = []
    for name, status in found.items():
        expected_off = not sparse and name == f"data: {SPARSE_LINE}" and status == "Disabled"
        if status != "Pass" and not expected_off:
            wrong.append(f"{name}: {status}")
    for case in cases:
        status, name = case.get("status"), case.get("name", "")
        expected_off = not sparse and status == "skipped" and "sparse" in name.lower()
        if status != "passed" and not expected_off:
            wrong.append(f"{status}: {name}")
    if len(found) < MINIMUM_LINES:
        wrong.append(f"only {len(found)} lines in results.yaml")
    if total < MINIMUM_CHECKS:
        wrong.append(f"only {total} checks")
    if sum(bad) and not wrong:
        wrong.append("the counts above")

    for item in wrong[:60]:
        print(f"  NOT PASSED  {item}")
    if len(wrong) > 60:
        print(f"  … and {len(wrong) - 60} more")
    print(f"official conformance, {run}: {'FAILED' if wrong else 'passed'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
