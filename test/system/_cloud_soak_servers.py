"""The soak in a bucket of a real server, in short. Subclasses set `endpoint` and `scheme` and make the bucket."""

import random
import shutil

from _cloud_soak import Steps
from _cloud_soak_run import Lanes
from _proxy import Proxy
from _space import BUILD_DIR, SpaceTest

LANES = 6
SECONDS = 15


class OnServer(SpaceTest):
    endpoint = ""
    scheme = "s3"

    def test_stopped_at_every_step_while_another_one_takes_over_and_merges(self):
        with Proxy(self.endpoint) as proxy:
            steps = Steps(self.directory, proxy, "pspsls", self.scheme)
            steps.run("ssm", ways=("stop",))
        print(steps.summary())
        self.assertGreater(steps.counts["fenced"], 2)

    def test_random_runs(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        directory = BUILD_DIR / "test" / f"cloud-soak-{self.scheme}-{seed}"  # left when the test fails
        lanes = Lanes(directory, LANES, seed, SECONDS, self.endpoint, self.scheme)
        lanes.run()
        shutil.rmtree(directory)
        print(lanes.summary())
        for name in ("yes", "kills", "pauses", "pauses_in_requests", "late_requests"):
            self.assertGreater(lanes.counts()[name], 0, name)
        self.assertGreater(lanes.hits().total(), lanes.counts()["requests"] / 20)
