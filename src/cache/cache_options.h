// From the options of a cache to the limits of its stripes.
#pragma once

#include <cstddef>

#include "cache/segmented_stripe.h"
#include "protobase/atom_cache.h"

namespace protobase::cache {

/// Throws ValidationError naming the field and its range.
void validate(const AtomCacheOptions& options);

/// A power of two: the stripes asked for, rounded up, or fewer when a share would be too small for
/// hashing to spread entries over them evenly. Precondition: validated, and the cache is not off.
std::size_t stripe_count(const AtomCacheOptions& options) noexcept;

/// The share of stripe `index`; the shares of all stripes add up to the options' limits exactly.
StripeLimits limits_of_stripe(const AtomCacheOptions& options, std::size_t count,
                              std::size_t index) noexcept;

}  // namespace protobase::cache
