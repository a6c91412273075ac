"""Real processes on one bucket behind a proxy that misbehaves: every step, every fault, and short random runs.

For long: ./dev soak --cloud --minutes N. One run of it again: PROTOBASE_CLOUD_SEED=N.
"""

import concurrent.futures
import os
import pathlib
import random
import re
import shutil

from _cloud_soak import BucketSpace, Failure, Faults, Stale, Steps
from _cloud_soak_run import Lanes
from _proxy import Proxy
from _space import BUILD_DIR, SANITIZED, SpaceTest, main
import http_faults

LANES = 6
WAYS = ("stop",) if SANITIZED else ("stop", "kill")  # who is killed finds no more than in the plain build
SECONDS = 15
RARE = ("stale_list",)  # must change between two requests; it has a test of its own


class EveryStep(SpaceTest):

    def run_steps(self, first, second, fewest, ways=WAYS):
        with Proxy() as proxy:
            steps = Steps(self.directory, proxy, first)
            steps.run(second, ways)
        print(f"{first} disturbed at every request, {second} meanwhile: {steps.summary()}")
        self.assertGreaterEqual(steps.counts["runs"], fewest * len(ways))
        self.assertGreater(steps.counts["fenced"], 2)
        self.assertGreater(steps.counts["acknowledged"], 2 * steps.counts["runs"])
        self.assertGreater(steps.counts["late_claims"], 0)

    def test_stopped_or_killed_while_another_one_takes_over(self):
        self.run_steps("pspsls", "ss", fewest=25)

    def test_stopped_or_killed_while_another_one_takes_over_and_merges(self):
        self.run_steps("pspsls", "sssm", fewest=25)

    def test_stopped_or_killed_in_a_bulk_load(self):
        self.run_steps("psbsbs", "ssm", fewest=30)

    def test_stopped_while_it_merges(self):
        self.run_steps("pssmpss", "smss", fewest=40, ways=("stop",))


class EveryFault(SpaceTest):

    def test_no_fault_alone_costs_a_commit(self):
        with concurrent.futures.ThreadPoolExecutor(LANES) as lanes:
            hits = dict(zip(http_faults.FAULTS, lanes.map(self.run_fault, http_faults.FAULTS)))
        print(f"each fault at every request that it fits, times hit: {hits}")
        for fault, times in hits.items():
            if fault not in RARE:
                self.assertGreater(times, 0, fault)

    def run_fault(self, fault):
        with Proxy() as proxy:
            Faults(self.directory, proxy).run(fault)
            return proxy.hits().get(fault, 0)

    def test_a_stale_list_is_seen_through(self):
        with Proxy() as proxy:
            Stale(self.directory, proxy).run()
            self.assertEqual(1, proxy.hits()["stale_list"])


class RandomRuns(SpaceTest):

    def test_nothing_acknowledged_is_lost(self):
        chosen = os.environ.get("PROTOBASE_CLOUD_SEED", "random")
        seed = random.randrange(1 << 32) if chosen == "random" else int(chosen)
        print(f"seed {seed}", flush=True)
        directory = BUILD_DIR / "test" / f"cloud-soak-{seed}"  # left when the test fails
        lanes = Lanes(directory, LANES, seed, SECONDS)
        lanes.run()
        shutil.rmtree(directory)
        print(lanes.summary())
        counts, hits = lanes.counts(), lanes.hits()
        for name in ("yes", "failed", "refused", "unknown", "kills", "pauses", "pauses_in_requests", "late_requests"):
            self.assertGreater(counts[name], 0, name)
        self.assertGreater(counts["runs"], SECONDS / 4)
        for fault in http_faults.FAULTS:
            if fault not in RARE:
                self.assertGreater(hits[fault], 0, fault)

    def test_a_lost_commit_is_noticed(self):
        """A record says that a commit was acknowledged, and the bucket does not know it."""
        with Proxy() as proxy:
            space = BucketSpace(self.directory / "space", proxy, "s3", "lost")
            space.check()
            record = pathlib.Path(space.records[0])
            pushed = re.search(r"^P 0 (\S+) 200 (\S+)$", record.read_text(), re.MULTILINE)
            record.write_text(record.read_text() + f"B 0 1 set {pushed[1]} {pushed[2]}\nE 0 2 yes\n")
            with self.assertRaisesRegex(Failure, "VIOLATION: acknowledged commit .* is not"):
                space.check()


if __name__ == "__main__":
    main()
