// Reading and writing protobase.root (format/root_file.h) as a file that may be damaged, unreadable
// or half-written.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "format/root_file.h"
#include "os/file_system.h"
#include "protobase/root_register.h"

namespace protobase::file {

inline constexpr std::size_t kRootFileSize = 4096;
/// No space gets there by committing: only damage or forgery does, and one more would begin at
/// zero.
inline constexpr std::uint64_t kLargestSequence = std::uint64_t{1} << 63;

/// Fills `bytes` from the beginning, with zeros where the file ends; false when the disk does not
/// give it.
bool try_read_root(os::File& file, std::span<std::byte> bytes);

/// nullopt when there is none, or it is torn or damaged. ReadError.
std::optional<format::CommitIntent> read_intent(os::File& file);

/// Begins the file anew, in one write: a block that cannot be read can be written as a whole. No
/// commit is open; `highest_sequence` and all that the file knows as burnt stay so.
void start_root_file(os::File& file, const std::optional<RootVersion>& newest,
                     std::uint64_t highest_sequence);

void write_bytes(os::File& file, std::uint64_t place, std::span<const std::byte> bytes);

}  // namespace protobase::file
