#!/usr/bin/env python3
"""Every public type says what it is: Doxygen must find a comment on each class, struct and enum.

Usage: documented_test.py ROOT WORK_DIRECTORY. Members may go without where their name says all.
"""

import os
import pathlib
import re
import subprocess
import sys

UNDOCUMENTED_TYPE = re.compile(
    r"^.*?(include/protobase/.*warning: (?:Compound protobase::.*|Member \w+ \(enumeration\).*)"
    r" is not documented\.)$", re.MULTILINE)


def warnings_of_doxygen(root, work):
    settings = (root / "docs" / "Doxyfile").read_text(encoding="utf-8")
    settings += "WARN_IF_UNDOCUMENTED=YES\nWARN_AS_ERROR=NO\nGENERATE_HTML=NO\nGENERATE_XML=YES\n"
    environment = {**os.environ, "PROTOBASE_VERSION": "0", "PROTOBASE_DOCS_DIR": str(work)}
    return subprocess.run(["doxygen", "-"], input=settings, cwd=root, env=environment, check=True,
                          stderr=subprocess.PIPE, text=True).stderr


def main(root, work):
    work.mkdir(parents=True, exist_ok=True)
    warnings = warnings_of_doxygen(root, work)
    types = UNDOCUMENTED_TYPE.findall(warnings)
    print(*types, sep="\n")
    print(f"{len(types)} public types and {warnings.count('is not documented')} names have no comment")
    return 1 if types else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
