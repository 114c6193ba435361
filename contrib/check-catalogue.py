#!/usr/bin/python3
"""check-catalogue.py FILE…: is what the catalogue names there, and listed with a checksum?

Asks each publisher for the list of checksums and for the first byte of the image; nothing is downloaded.
Ends with 0 when all are there, with 1 when one is not; 77 when no publisher can be reached at all."""
import re
import sys
import urllib.error
import urllib.request

import yaml

LIMIT = 30
AGENT = {"User-Agent": "roost-check-catalogue"}


def get(url, most, headers=None):
    request = urllib.request.Request(url, headers={**AGENT, **(headers or {})})
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        return answer.read(most)


def listed(text, file):
    """As bootstrap/checksums.c finds it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if re.fullmatch(rf"SHA(256|512) \((.*/)?{re.escape(file)}\) = ([0-9a-f]{{64}}|[0-9a-f]{{128}})", line, re.I):
            return True
        if re.fullmatch(rf"([0-9a-f]{{64}}|[0-9a-f]{{128}})[ \t]+\*?(.*/)?{re.escape(file)}", line, re.I):
            return True
    return len(lines) == 1 and re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{128}", lines[0], re.I) is not None


def problem(source):
    """Why it cannot be had, None: it can. OSError: nobody was reached."""
    try:
        if not get(source["url"], 1, {"Range": "bytes=0-0"}):
            return "is empty"
        sums = source.get("checksum")
        if not sums:
            return "has no checksum"
        if sums.startswith("http") and not listed(get(sums, 1 << 20).decode(errors="replace"),
                                                  source["url"].split("?")[0].rsplit("/", 1)[1]):
            return f"is not listed in {sums}"
    except urllib.error.HTTPError as e:
        return f"{e.url}: {e.code}"
    return None


def main(files):
    reached = bad = 0
    for file in files:
        with open(file) as f:
            entries = yaml.safe_load(f)
        for name, entry in entries.items():
            for arch in ("amd64", "arm64"):
                if arch not in entry:
                    continue
                try:
                    why = problem(entry[arch])
                    reached += 1
                except OSError as e:
                    why = f"not reached: {e}"
                print(f"{name} {arch}: {why or 'is there'}")
                bad += why is not None
    if not reached:
        print("no publisher can be reached from here: nothing was compared")
        return 77
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
