#!/usr/bin/env python3
"""The library as its users get hold of it: each way is built, linked and run in a fresh directory.

Usage: package_test.py WAY; ctest gives PROTOBASE_SOURCE_DIR and PROTOBASE_BUILD_DIR in the environment.
  find_package      installs the current build to a prefix, moves the prefix, uses its CMake package
  pkg_config        the same prefix, compiled by hand with pkg-config's flags
  add_subdirectory  the repository inside another project: no tests, no warnings-as-errors, no install
  shared            BUILD_SHARED_LIBS=ON: installed, used by find_package and by pkg-config, hides internals
  readme            every ```cpp block of README.md that has a main(), by find_package
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["PROTOBASE_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["PROTOBASE_BUILD_DIR"])
CONSUMER = SOURCE / "test" / "package" / "consumer.cc"
COMPILER = os.environ.get("CXX", "g++")

CMAKE_CONSUMER = """cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES CXX)
{how}
add_executable(consumer "{source}")
target_link_libraries(consumer PRIVATE protobase::core)
"""


def run(*command, **options):
    command = [str(part) for part in command]
    print("+", shlex.join(command), flush=True)
    return subprocess.run(command, check=True, **options)


def output_of(*command, **options):
    return run(*command, stdout=subprocess.PIPE, text=True, **options).stdout


def run_consumer(program, work, **environment):
    run(program, cwd=work, env={**os.environ, **environment})


def install(build, work):
    """Installs a build and moves the result, so that a path that was baked in is found."""
    run("cmake", "--install", build, "--prefix", work / "staged")
    return (work / "staged").rename(work / "prefix")


def build_by_cmake(work, how, *cmake_options, source=CONSUMER):
    project = work / "project"
    project.mkdir()
    text = CMAKE_CONSUMER.format(how=how, source=source.as_posix())
    (project / "CMakeLists.txt").write_text(text, encoding="utf-8")
    run("cmake", "-S", project, "-B", project / "build", "-G", "Ninja", *launcher(), *cmake_options)
    run("cmake", "--build", project / "build")
    return project / "build" / "consumer"


def launcher():
    ccache = shutil.which("ccache")
    return [f"-DCMAKE_CXX_COMPILER_LAUNCHER={ccache}"] if ccache else []


def build_by_find_package(work, prefix, source=CONSUMER):
    how = f"find_package(protobase {project_version()} REQUIRED COMPONENTS core)"
    return build_by_cmake(work, how, f"-DCMAKE_PREFIX_PATH={prefix}", source=source)


def build_by_pkg_config(work, prefix):
    folder = next(prefix.rglob("protobase.pc")).parent
    env = {**os.environ, "PKG_CONFIG_PATH": str(folder)}
    flags = shlex.split(output_of("pkg-config", "--cflags", "--libs", "protobase", env=env))
    program = work / "by_pkg_config"
    run(COMPILER, "-std=c++20", CONSUMER, "-o", program, *flags)
    return program


def project_version():
    text = (SOURCE / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"VERSION (\d+\.\d+\.\d+)", text).group(1)


def test_find_package(work):
    run_consumer(build_by_find_package(work, install(BUILD, work)), work)


def test_pkg_config(work):
    run_consumer(build_by_pkg_config(work, install(BUILD, work)), work)


def test_add_subdirectory(work):
    how = f'add_subdirectory("{SOURCE.as_posix()}" protobase)'
    run_consumer(build_by_cmake(work, how, "-DCMAKE_CXX_FLAGS=-Wconversion"), work)
    build = work / "project" / "build"
    commands = (build / "build.ninja").read_text(encoding="utf-8")
    assert "-Werror" not in commands, "our warnings must not break another project"
    assert "_test.cc" not in commands, "our tests must not be built in another project"


def test_shared(work):
    build = work / "build"
    run("cmake", "-S", SOURCE, "-B", build, "-G", "Ninja", "-DBUILD_SHARED_LIBS=ON",
        "-DPROTOBASE_BUILD_TESTS=OFF", "-DPROTOBASE_BUILD_TOOLS=OFF")
    run("cmake", "--build", build)
    prefix = install(build, work)
    run_consumer(build_by_find_package(work, prefix), work)
    library = next(prefix.rglob("libprotobase_core.so"))
    run_consumer(build_by_pkg_config(work, prefix), work, LD_LIBRARY_PATH=str(library.parent))
    check_exports(output_of("nm", "-DC", "--defined-only", library))


def check_exports(symbols):
    """Internals live in nested namespaces; none of their functions may be callable from outside."""
    leaks = re.findall(r"\bT (protobase::(?:base|os|format|cache|wal|engine|memory|file)::.*)", symbols)
    assert not leaks, "internal symbols are exported:\n  " + "\n  ".join(leaks)
    assert "protobase::MemoryStorage" in symbols, "the public API is not exported"


def test_readme(work):
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    blocks = [b for b in re.findall(r"```cpp\n(.*?)```", text, re.DOTALL) if "int main(" in b]
    assert blocks, "README.md has no complete program in a ```cpp block"
    prefix = install(BUILD, work)
    for number, block in enumerate(blocks):
        place = work / f"block_{number}"
        place.mkdir()
        (place / "main.cc").write_text(block, encoding="utf-8")
        run_consumer(build_by_find_package(place, prefix, source=place / "main.cc"), place)


def main(way):
    work = BUILD / "test" / "package" / way
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    globals()[f"test_{way}"](work)


if __name__ == "__main__":
    main(sys.argv[1])
