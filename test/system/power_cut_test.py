"""The power is cut under a real file system: ext4 on a loop device drops all that was not synced.

The shutdown ioctl of ext4 stops the file system at once, without writing its journal; mounting it again is
what happens after the power is back. Needs root, a loop device and mount: without them it is skipped.
"""

import fcntl
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

from _soak import Space, Worker
from _space import SANITIZED, SKIPPED, SpaceTest, main

OWN_MOUNTS = "PROTOBASE_TEST_HAS_OWN_MOUNTS"
EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2
IMAGE_BYTES = 96 << 20
ROUNDS = 3 if SANITIZED else 8
LETTERS = "pppplfsssssscccwrr" + "x"
WAL_KIB = 256
MOST_UNSYNCED_ROUNDS = 6
KINDS = tuple((size, data) for size in (1024, 4096) for data in ("ordered", "writeback", "journal"))
WITHOUT_SYNC = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
                "-e", "inject=fdatasync,fsync:retval=0")


def command(*words):
    result = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise OSError(f"{' '.join(map(str, words))}: {result.stderr.strip()}")
    return result.stdout.strip()


class Disk:
    """An ext4 file system in a file, mounted. `kind`: block size and what the journal does with data."""

    def __init__(self, directory, kind=(4096, "ordered")):
        self.block_bytes, self.data = kind
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.image, self.path = self.directory / "image", self.directory / "mounted"
        self.path.mkdir()
        self.is_mounted = False
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        command("mkfs.ext4", "-q", "-F", "-b", self.block_bytes, self.image)
        self.mount()

    def mount(self):
        command("mount", "-t", "ext4", "-o", f"loop,data={self.data}", self.image, self.path)
        self.is_mounted = True

    def cut_power(self):
        root = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(root, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(root)

    def unmount(self):
        if self.is_mounted:
            command("umount", self.path)
            self.is_mounted = False


def why_not():
    """Why power cannot be cut here; None when it can."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            disk = Disk(pathlib.Path(directory) / "probe")
            try:
                disk.cut_power()
            finally:
                disk.unmount()
        except OSError as error:
            return str(error)
    return None


class PowerCut(SpaceTest):

    def setUp(self):
        super().setUp()
        seed = random.randrange(1 << 32)
        self.dice = random.Random(seed)
        kind = self.dice.choice(KINDS)
        print("seed", seed, "disk", *kind)
        self.disk = Disk(self.directory / "disk", kind)
        self.addCleanup(self.disk.unmount)
        self.workers = []
        self.addCleanup(self.end_workers)

    def new_space(self, name):
        """The records stay where the power does not fail."""
        space = Space(self.directory / f"records-{name}", WAL_KIB)
        space.path = str(self.disk.path / name)
        return space

    def work_until_power_fails(self, space, workers, answers, under=()):
        """Cuts the power when so many calls of each worker were answered, and gives it back."""
        for _ in range(workers):
            plan = (LETTERS, self.dice.getrandbits(48), 0)
            self.workers.append(Worker(space, self.dice.choice((1, 2)), *plan, under=under))
        for worker in self.workers:
            worker.wait_for(answers)
            self.assertTrue(worker.is_running())
        self.disk.cut_power()
        self.end_workers()
        self.disk.unmount()
        self.disk.mount()

    def end_workers(self):
        while self.workers:
            self.workers.pop().kill()

    def test_what_was_acknowledged_survives(self):
        space = self.new_space("space")
        for _ in range(ROUNDS):
            self.work_until_power_fails(space, self.dice.choice((1, 2)), self.dice.randrange(2, 150))
            judged = space.check()
        print(f"{ROUNDS} power cuts, judged:", judged)
        self.assertGreater(judged["acknowledged"], ROUNDS)

    def test_a_space_that_is_being_made(self):
        acknowledged = []
        for number in range(ROUNDS):
            space = self.new_space(f"new-{number}")
            self.work_until_power_fails(space, 1, self.dice.choice((0, 0, 1, 2, 3)))
            acknowledged.append(space.check()["acknowledged"])
        print("acknowledged before each cut:", acknowledged)

    def test_a_store_that_does_not_sync_is_caught(self):
        """The test is tested: with syncs that do nothing, something acknowledged is lost."""
        if not shutil.which("strace"):
            self.skipTest("no syncs can be taken out: strace is not installed")
        for number in range(MOST_UNSYNCED_ROUNDS):  # the kernel may write by itself just in time
            space = self.new_space(f"unsynced-{number}")
            self.work_until_power_fails(space, 1, 40, under=WITHOUT_SYNC)
            try:
                space.check()
            except AssertionError as error:
                print("caught:", str(error).splitlines()[-1])
                return
        self.fail("stores that did not sync lost nothing")


def enter_own_mounts():
    """Begins this script again where nobody else sees its mounts. A process elsewhere that got a copy of
    them would keep the dead file system alive, and mounting it again would give that one."""
    if os.environ.get(OWN_MOUNTS) or not shutil.which("unshare"):
        return
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode == 0:
        os.execvpe("unshare", [*unshare, sys.executable, "-B", __file__], {**os.environ, OWN_MOUNTS: "1"})


if __name__ == "__main__":
    enter_own_mounts()
    reason = why_not()
    if reason:
        print(f"SKIPPED: no power can be cut under a real file system here: {reason}", file=sys.stderr)
        sys.exit(SKIPPED)
    main()
