// The workloads, one file per group. Each appends its results; README.md says what they measure.
#pragma once

#include "measure.h"

namespace protobase::compare {

void run_commits(const Run& run, JSON& results);     // commits.cc
void run_pushes(const Run& run, JSON& results);      // pushes.cc
void run_hot_gets(const Run& run, JSON& results);    // hot_gets.cc
void run_small_gets(const Run& run, JSON& results);  // small_gets.cc
void run_codecs(const Run& run, JSON& results);      // codecs.cc
void run_scan(const Run& run, JSON& results);        // scan.cc
void run_growth(const Run& run, JSON& results);      // growth.cc
void run_cold_gets(const Run& run, JSON& results);   // cold_gets.cc: populate first
void run_populate(const Run& run,
                  JSON& results);              // life_cycle.cc: fill run.store, close or be killed
void run_open(const Run& run, JSON& results);  // life_cycle.cc: open run.store to the first get
void run_memory(const Run& run,
                JSON& results);  // life_cycle.cc: push and get, then resident memory
void run_blob_copies(const Run& run, JSON& results);  // life_cycle.cc: pushes blobs of 64 MiB

/// Handles that populate leaves for open and cold_gets.
void save_handles(const std::filesystem::path& directory, const std::vector<Handle>& handles);
std::vector<Handle> load_handles(const std::filesystem::path& directory);

}  // namespace protobase::compare
