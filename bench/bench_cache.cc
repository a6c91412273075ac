// What a hit and a put cost, beside a std::unordered_map with the same keys and values and no lock.
// Threads ask in an order of their own, each for all records ("shared") or for its half ("own").
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include "protobase/atom.h"
#include "protobase/atom_cache.h"

namespace {

using protobase::Atom;
using protobase::AtomBytesCache;
using protobase::AtomCacheOptions;
using protobase::AtomObjectCache;
using protobase::AtomPointer;
using protobase::CachedPayload;

constexpr std::size_t kPayloadBytes = 200;

AtomCacheOptions roomy(std::int64_t records) {
  AtomCacheOptions options;
  options.max_entries = static_cast<std::size_t>(records) * 2 + 100'000;
  options.max_bytes = std::size_t{4} << 30;
  return options;
}

AtomPointer pointer_of(std::uint64_t record) {
  AtomPointer pointer;
  pointer.transaction_id.bytes = {0x5f, 0x21, 0x9a, 0x07, 0xc4, 0x33, 0x4e, 0x10,
                                  0x9b, 0x66, 0x01, 0xd2, 0x88, 0x7a, 0x3c, 0xe5};
  pointer.offset = 64 + record * 216;
  return pointer;
}

CachedPayload payload_of(std::uint64_t record) {
  const std::vector<std::byte> bytes(kPayloadBytes, static_cast<std::byte>(record));
  return {.bytes = protobase::SharedBytes::copy_of(bytes)};
}

// The pointers of [from, to) in random order.
std::vector<AtomPointer> shuffled(std::int64_t from, std::int64_t to, unsigned seed) {
  std::vector<AtomPointer> order;
  for (std::int64_t i = from; i < to; ++i) {
    order.push_back(pointer_of(static_cast<std::uint64_t>(i)));
  }
  std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
  return order;
}

template <typename Ask>
void ask_for_all(benchmark::State& state, const std::vector<AtomPointer>& order, Ask ask) {
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ask(order[next]));
    if (++next == order.size()) next = 0;
  }
  state.SetItemsProcessed(state.iterations());
}

std::vector<AtomPointer> order_of_thread(const benchmark::State& state, bool shared) {
  const auto seed = static_cast<unsigned>(state.thread_index() + 1);
  if (shared) return shuffled(0, state.range(0), seed);
  const std::int64_t part = state.range(0) / state.threads();
  return shuffled(part * state.thread_index(), part * (state.thread_index() + 1), seed);
}

// One container for all threads of a run; Google Benchmark runs set-up and tear-down in one thread.
std::unique_ptr<AtomBytesCache> bytes_cache;
std::unique_ptr<AtomObjectCache> object_cache;

void fill_bytes_cache(const benchmark::State& state) {
  bytes_cache = std::make_unique<AtomBytesCache>(roomy(state.range(0)));
  for (const AtomPointer& pointer : shuffled(0, state.range(0), 99)) {
    bytes_cache->put(pointer, payload_of(pointer.offset));
  }
}
void drop_bytes_cache(const benchmark::State&) { bytes_cache.reset(); }

void fill_object_cache(const benchmark::State& state) {
  object_cache = std::make_unique<AtomObjectCache>(roomy(state.range(0)));
  for (const AtomPointer& pointer : shuffled(0, state.range(0), 99)) {
    object_cache->put(pointer, 1, std::make_shared<const Atom>("a text that is not short at all"));
  }
}
void drop_object_cache(const benchmark::State&) { object_cache.reset(); }

void BytesGet(benchmark::State& state, bool shared) {
  ask_for_all(state, order_of_thread(state, shared),
              [](const AtomPointer& pointer) { return bytes_cache->get(pointer); });
}

void ObjectGet(benchmark::State& state, bool shared) {
  ask_for_all(state, order_of_thread(state, shared),
              [](const AtomPointer& pointer) { return object_cache->get(pointer, 1); });
}

#define PROTOBASE_GETS(function, what)      \
  BENCHMARK_CAPTURE(function, shared, true) \
      ->Arg(10'000)                         \
      ->Arg(1'000'000)                      \
      ->Threads(1)                          \
      ->Threads(2)                          \
      ->UseRealTime()                       \
      ->Setup(fill_##what##_cache)          \
      ->Teardown(drop_##what##_cache);      \
  BENCHMARK_CAPTURE(function, own, false)   \
      ->Arg(10'000)                         \
      ->Arg(1'000'000)                      \
      ->Threads(2)                          \
      ->UseRealTime()                       \
      ->Setup(fill_##what##_cache)          \
      ->Teardown(drop_##what##_cache)
PROTOBASE_GETS(BytesGet, bytes);
PROTOBASE_GETS(ObjectGet, object);
#undef PROTOBASE_GETS

void UnorderedMapBytesGet(benchmark::State& state) {
  std::unordered_map<AtomPointer, CachedPayload> map;
  for (const AtomPointer& pointer : shuffled(0, state.range(0), 99)) {
    map.emplace(pointer, payload_of(pointer.offset));
  }
  ask_for_all(state, shuffled(0, state.range(0), 1),
              [&](const AtomPointer& pointer) { return CachedPayload(map.find(pointer)->second); });
}
BENCHMARK(UnorderedMapBytesGet)->Arg(10'000)->Arg(1'000'000)->UseRealTime();

void UnorderedMapBytesFind(benchmark::State& state) {
  std::unordered_map<AtomPointer, CachedPayload> map;
  for (const AtomPointer& pointer : shuffled(0, state.range(0), 99)) {
    map.emplace(pointer, payload_of(pointer.offset));
  }
  ask_for_all(state, shuffled(0, state.range(0), 1),
              [&](const AtomPointer& pointer) { return map.find(pointer)->second.format; });
}
BENCHMARK(UnorderedMapBytesFind)->Arg(10'000)->Arg(1'000'000)->UseRealTime();

// Puts of ever new records into a cache that is full: each pushes another out. The value is the
// same, so that what is measured is the cache and not the allocator.
void BytesPutNew(benchmark::State& state) {
  AtomCacheOptions options = roomy(0);
  options.max_entries = static_cast<std::size_t>(state.range(0));
  AtomBytesCache cache(options);
  const CachedPayload payload = payload_of(7);
  std::uint64_t record = 0;
  for (; record < 2 * options.max_entries; ++record) cache.put(pointer_of(record), payload);
  for (auto _ : state) cache.put(pointer_of(record++), payload);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BytesPutNew)->Arg(10'000)->Arg(200'000)->Arg(1'000'000);

// The same with a payload of its own for each record, as a push makes it.
void BytesPutNewPayload(benchmark::State& state) {
  AtomCacheOptions options = roomy(0);
  options.max_entries = static_cast<std::size_t>(state.range(0));
  AtomBytesCache cache(options);
  std::uint64_t record = 0;
  for (; record < 2 * options.max_entries; ++record) {
    cache.put(pointer_of(record), payload_of(record));
  }
  for (auto _ : state) {
    cache.put(pointer_of(record), payload_of(record));
    ++record;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BytesPutNewPayload)->Arg(10'000)->Arg(200'000);

void BytesPutAgain(benchmark::State& state) {
  AtomBytesCache cache(roomy(state.range(0)));
  const CachedPayload payload = payload_of(7);
  const std::vector<AtomPointer> order = shuffled(0, state.range(0), 1);
  for (const AtomPointer& pointer : order) cache.put(pointer, payload);
  ask_for_all(state, order,
              [&](const AtomPointer& pointer) { return cache.put(pointer, payload); });
}
BENCHMARK(BytesPutAgain)->Arg(10'000);

}  // namespace
