#!/usr/bin/env python3
"""Wraps comment lines over 100 columns: a part of ./dev format.

Usage: wrap_comments.py FILE... changes them in place. clang-format does not touch comments here (ReflowComments:
false), because it tears lists and drawings apart. This moves only the words that stand over the edge to the
front of the next line of the same paragraph, or to a new line.
"""

import pathlib
import re
import sys

LIMIT = 100
COMMENT = re.compile(r"^(?P<prefix>\s*//[/!]?)(?P<gap> +)(?P<text>\S.*)$")
BULLET = re.compile(r"^(?:[-*+]|\d+[.)])\s+")
OWN_LINE = re.compile(r"^[@\\|`]|^(?:[-*+]|\d+[.)])\s")  # a line that starts something new


def split_at_limit(line, text_start):
    """(what fits, what does not), or None when no space allows it."""
    cut = line.rfind(" ", text_start, LIMIT + 1)
    return None if cut <= text_start else (line[:cut].rstrip(), line[cut + 1:].strip())


def wrap(lines):
    lines = list(lines)
    index = 0
    while index < len(lines):
        match = COMMENT.match(lines[index])
        parts = match and len(lines[index]) > LIMIT and split_at_limit(lines[index], match.start("text"))
        if parts:
            lines[index], rest = parts
            hanging = BULLET.match(match["text"])
            lead = match["prefix"] + match["gap"] + " " * (len(hanging.group(0)) if hanging else 0)
            follower = COMMENT.match(lines[index + 1]) if index + 1 < len(lines) else None
            if follower and follower["prefix"] + follower["gap"] == lead and not OWN_LINE.match(follower["text"]):
                lines[index + 1] = f"{lead}{rest} {follower['text']}"
            else:
                lines.insert(index + 1, lead + rest)
        index += 1
    return lines


def main(paths):
    for path in map(pathlib.Path, paths):
        old = path.read_text(encoding="utf-8")
        new = "\n".join(wrap(old.split("\n")))
        if new != old:
            path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
