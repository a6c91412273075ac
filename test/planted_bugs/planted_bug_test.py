"""Shows that the tests find a bug: planted_bug_test.py NAME LIBRARY.

Runs the tests below that must find the bug NAME, with it planted, and passes if every one of them fails: by
an assertion, in time. A crash, a hang or a test that did not run proves nothing. With the name none the same
tests must pass, and LIBRARY, the one that is shipped, must have no trace of the bugs.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TEST_DIR = pathlib.Path(os.environ["PROTOBASE_BUILD_DIR"]) / "test"
TIMEOUT_S = 270
TRACE = b"PROTOBASE_PLANTED_BUG"

EXHAUSTIVE = "crash ExhaustiveCrash.WhatComesBackIsAPrefixWithEveryAcknowledgedCommit"
EVERY_CALL_FAILS = "crash Fault.EveryCallFailsInTurn"
FAILED_SYNC = "faults DisturbedCallsTest.ASyncThatFailsOnceStopsTheLogForGood"
WORST_POWER_CUT = "faults OldFaults.D03_WhatTheRootFileNamesIsOnStableStorageBeforeIt"
CUT_RECORD = "faults OldFaults.D04_ARecordCutByAKillIsNotReadShort"

TAKEN_OVER = "soak_worker EveryStep.test_stopped_or_killed_while_another_one_takes_over"
MERGED_AWAY = f"{TAKEN_OVER}_and_merges"
CLOUD_FAULTS = "crash CloudFaults.EveryAcknowledgedCommitIsThereExactlyOnceAndNoRefusedOneIs"

# Bug -> program and test, for each test that must find it. More do; these are quick and sure.
TESTS_BY_BUG = {
    "no_data_sync": [EXHAUSTIVE, WORST_POWER_CUT, FAILED_SYNC],
    "no_directory_sync": [
        EXHAUSTIVE, WORST_POWER_CUT, "file SpaceDirectoryCreation.WhoeverComesAfterAKillSyncsWhatTheDeadOneMade",
        "file WALWriterTest.HeaderAndEntryAreSyncedBeforeTheFirstRecord"],
    "checksum_ignored": [
        "crash MisplacedBlocks.AStaleBlockOfTheSameFile", CUT_RECORD,
        "faults OldFaults.D05_ADamagedLengthIsRefusedAtOnce",
        "format Record.EverySingleBitFlipOfHeaderAndPayloadIsFound",
        "storage ReopeningTest.ADamagedAtomIsNamedAndEverythingElseIsReadable",
        "wal ScannerTest.EveryDamagedByteBelowTheProofIsFoundExactlyOnce"],
    "address_not_checksummed": [
        "crash Corruption.ABlockMisplacedWithinAWAL", "crash Corruption.FilesMissingSwappedOrEmptied",
        "crash MisplacedBlocks.ABlockOfAnotherWALAtTheSameOffset",
        "crash MisplacedBlocks.ABlockFromAnotherOffset",
        "crash MisplacedBlocks.ACopyOfAWALUnderAnotherName",
        "format Record.ReadFromAnotherPlaceItDoesNotVerify"],
    "retry_after_failed_sync": [EVERY_CALL_FAILS, FAILED_SYNC],
    "torn_tail_accepted": [
        CUT_RECORD, "file WALWriterTest.SettlingCutsOffWhatIsTornAndClosesTheRest",
        "storage DyingCommitTest.WhatWasNotWrittenWholeNeverHappened",
        "storage ReopeningTest.CutAnywhereInTheLastBatchTheRootBeforeItIsTheRoot",
        "wal ScannerTest.ATornLastBatchIsTornEvenWhenItsCommitIsWhole"],
    "root_before_data": [
        WORST_POWER_CUT, FAILED_SYNC, "faults DisturbedCallsTest.NoCallThatFailsOnceLosesWhatWasAcknowledged",
        "faults OldFaults.D13_AfterAFullDiskTheRetryKeepsEveryRecord"],
    "lock_outlives_kill": [EVERY_CALL_FAILS, "faults OldFaults.D09_TheRootLockGoesWithAKilledProcess"],
    "fence_dropped": [CLOUD_FAULTS, TAKEN_OVER, MERGED_AWAY],
    "foreign_slot_believed": [CLOUD_FAULTS, TAKEN_OVER, MERGED_AWAY],
    # MERGED_AWAY does not see it: the slot that a merge leaves stops its sleepers as well.
    "boundary_ignored": [CLOUD_FAULTS],
    "claims_removed": [CLOUD_FAULTS, MERGED_AWAY],
}

# With a bug they end early; without one they take long, and the suite runs them anyway.
NOT_AGAIN_WITHOUT_A_BUG = {EXHAUSTIVE, CLOUD_FAULTS, TAKEN_OVER, MERGED_AWAY}


def by_program(tests):
    found = {}
    for test in sorted(tests):
        program, name = test.split()
        found.setdefault(program, []).append(name)
    return found


def environment_with(bug):
    environment = dict(os.environ)
    environment.pop(TRACE.decode(), None)
    if bug != "none":
        environment[TRACE.decode()] = bug
    return environment


def run_script(program, names, bug):
    """The same of a script that starts the program: its tests, in which the processes have the bug."""
    script = pathlib.Path(__file__).resolve().parents[1] / "system" / "cloud_soak_test.py"
    environment = environment_with(bug)
    environment["PROTOBASE_SOAK_WORKER"] = str(TEST_DIR / f"{program}_with_bugs")
    result = subprocess.run([sys.executable, "-B", script, *names], env=environment, timeout=TIMEOUT_S,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(result.stdout, flush=True)
    failed = set(re.findall(r"^FAIL: \S+ \(__main__\.(\S+)\)$", result.stdout, re.MULTILINE))
    ran = re.search(r"^Ran (\d+) tests? in", result.stdout, re.MULTILINE)
    if result.returncode not in (0, 1) or "\nERROR: " in result.stdout or not ran or int(ran[1]) != len(names):
        sys.exit(f"{script.name} did not end its tests: status {result.returncode}")
    return failed


def run(program, names, bug):
    """Runs those tests of a program; the set of those that failed. All of them must have run."""
    if program == "soak_worker":
        return run_script(program, names, bug)
    with tempfile.TemporaryDirectory(prefix="protobase-test-") as directory:
        report = pathlib.Path(directory) / "report.json"
        result = subprocess.run(
            [TEST_DIR / f"{program}_with_bugs", f"--gtest_output=json:{report}",
             f"--gtest_filter={':'.join(names)}"],
            env=environment_with(bug), timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
        print(result.stdout, flush=True)
        if result.returncode not in (0, 1) or not report.exists():
            sys.exit(f"{program}_with_bugs did not end its tests: status {result.returncode}")
        suites = json.loads(report.read_text(encoding="utf-8"))["testsuites"]
    ran = {f"{test['classname']}.{test['name']}": "failures" in test
           for suite in suites for test in suite["testsuite"] if test["result"] == "COMPLETED"}
    missing = set(names) - set(ran)
    if missing:
        sys.exit(f"{program}_with_bugs: did not run, or was skipped: {', '.join(sorted(missing))}")
    return {name for name, failed in ran.items() if failed}


def check_none(library):
    tests = set().union(*TESTS_BY_BUG.values()) - NOT_AGAIN_WITHOUT_A_BUG
    for program, names in by_program(tests).items():
        failed = run(program, names, "none")
        if failed:
            sys.exit(f"without a bug these fail: {', '.join(sorted(failed))}")
        if TRACE not in (TEST_DIR / f"{program}_with_bugs").read_bytes():
            sys.exit(f"{program}_with_bugs has no bugs in it")
    if TRACE in library.read_bytes():
        sys.exit(f"{library} is what is shipped, and has the bugs in it")
    print(f"{len(tests)} tests pass without a bug; {library.name} has no trace of one")


def check_bug(bug):
    for program, names in by_program(TESTS_BY_BUG[bug]).items():
        passed = set(names) - run(program, names, bug)
        if passed:
            sys.exit(f"{bug} is planted, and NOT FOUND by {', '.join(sorted(passed))}")
    print(f"{bug} is found by\n  " + "\n  ".join(TESTS_BY_BUG[bug]))


if __name__ == "__main__":
    if sys.argv[1] == "none":
        check_none(pathlib.Path(sys.argv[2]))
    else:
        check_bug(sys.argv[1])
