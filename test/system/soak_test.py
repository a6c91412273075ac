"""A short form of ./dev soak, and that it finds what it is there to find."""

import pathlib
import random
import re
import shutil

import _soak_run
from _space import BUILD_DIR, SpaceTest, main

SECONDS = 12


class ShortSoak(SpaceTest):

    def test_random_kills_and_pauses_lose_nothing(self):
        seed = random.randrange(1 << 32)
        print("seed", seed)
        directory = BUILD_DIR / "test" / f"soak-{seed}"  # left when the test fails
        soak = _soak_run.Soak(directory, seed, SECONDS)
        soak.run()
        shutil.rmtree(directory)
        print(soak.summary())
        for name in ("kills", "kills_of_all", "acknowledged", "judgements", "verifies"):
            self.assertGreater(soak.counts[name], 0, name)

    def test_a_lost_commit_is_noticed(self):
        """A record says that a commit was acknowledged, and the store does not know it."""
        soak = _soak_run.Soak(self.directory, 1, 0)
        soak.begin_space()
        soak.judge()
        record = pathlib.Path(soak.space.records[0])
        pushed = re.search(r"^P 0 (\S+) 200 (\S+)$", record.read_text(), re.MULTILINE)
        record.write_text(record.read_text() + f"B 0 1 set {pushed[1]} {pushed[2]}\nE 0 2 yes\n")
        with self.assertRaisesRegex(_soak_run.Failure, "VIOLATION: acknowledged commit .* is not"):
            soak.judge()


if __name__ == "__main__":
    main()
