"""Asks pip-audit about the packages of this interpreter: `python scripts/audit.py PIP_AUDIT`.

Exits with 1 when one of them has a known vulnerability. Where the advisories can not be reached,
as behind a mirror of packages only, it says so and exits with 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile


def main(pip_audit: str) -> int:
    found = audited(pip_audit, installed())
    told = [each for each in found if "vulns" in each]
    if not told:
        reason = found[0]["skip_reason"] if found else "nothing is installed"
        sys.stderr.write(f"audit skipped, as no advisories can be reached: {reason}\n")
        return 0
    for package in told:
        for each in package["vulns"]:
            fixed = ", ".join(each["fix_versions"]) or "no release yet"
            known = f"{package['name']} {package['version']}: {each['id']}"
            sys.stdout.write(f"{known}, fixed by {fixed}\n")
    vulnerable = sum(bool(package["vulns"]) for package in told)
    sys.stderr.write(f"{vulnerable} of {len(told)} packages have a known vulnerability\n")
    return 1 if vulnerable else 0


def installed() -> str:
    listing = ["list", "--format=freeze", "--exclude-editable"]
    return run([sys.executable, "-m", "pip", *listing]).stdout


def audited(pip_audit: str, requirements: str) -> list[dict]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        options = ["--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off"]
        done = run([pip_audit, *options, "--requirement", file.name])
    try:
        return json.loads(done.stdout)["dependencies"]
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or ["pip-audit printed nothing"]
        return [{"skip_reason": last[0][:200]}]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603 - a command of ours


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
