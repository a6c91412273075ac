# The third-party libraries of ours; what only tests or programs need is found where it is used.
find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(simdjson 3 REQUIRED)
find_package(xxHash REQUIRED)

# Optional: without it the reads of a batch are spread over threads.
set(PROTOBASE_LIBURING "")
if(PROTOBASE_IO_URING)
  find_package(liburing QUIET)
  if(liburing_FOUND)
    set(PROTOBASE_LIBURING liburing::liburing)
  endif()
endif()

# Headers only. Its own CMake package drags Boost in, which we have no use for.
find_path(PROTOBASE_MSGPACK_INCLUDE_DIR msgpack.hpp REQUIRED)
add_library(protobase_msgpack INTERFACE)
target_include_directories(protobase_msgpack SYSTEM INTERFACE "${PROTOBASE_MSGPACK_INCLUDE_DIR}")
target_compile_definitions(protobase_msgpack INTERFACE MSGPACK_NO_BOOST)

if(PROTOBASE_CLOUD)
  find_package(CURL 7.85 REQUIRED)  # starts up in any thread; names protocols as text
  find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)
  find_package(pugixml 1.11 REQUIRED)
endif()

# The whole set, for what looks inside the library: unit tests, benchmarks, fuzzers.
add_library(protobase_third_party INTERFACE)
target_link_libraries(protobase_third_party INTERFACE
  protobase_msgpack simdjson::simdjson xxHash::xxhash fmt::fmt Threads::Threads)
