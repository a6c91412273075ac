"""A store may grow: memory stays within caches and buffers, opening reads the tail of the log only.

The short form of what docs/performance.md shows for ten million atoms."""

import json
import subprocess

from _space import BUILD_DIR, SANITIZED, SpaceTest, main

LOAD = BUILD_DIR / "bin" / "protobase-bulk-load"
SMALL, LARGE = (2_000, 20_000) if SANITIZED else (100_000, 1_000_000)
BEYOND_THE_CACHES_KIB = 64 * 1024


class Scale(SpaceTest):

    def load(self, atoms):
        space = self.directory / f"space-{atoms}"
        output = subprocess.run([LOAD, space, str(atoms)], check=True, timeout=300, capture_output=True)
        found = json.loads(output.stdout)
        print(found)
        self.assertTrue(found["root_is_right"])
        self.assertEqual(found["sampled"], found["read_back"])
        return found

    def test_opening_reads_no_more_of_a_larger_store(self):
        small, large = self.load(SMALL), self.load(LARGE)
        self.assertLess(large["bytes_read_at_open"], small["bytes_read_at_open"] + 16 * 1024)
        if not SANITIZED:  # their shadow memory would be counted
            self.assertLess(large["peak_resident_kib"],
                            large["cache_limits_kib"] + BEYOND_THE_CACHES_KIB)


if __name__ == "__main__":
    main()
