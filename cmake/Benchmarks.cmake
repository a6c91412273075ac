# Google Benchmark programs: bench/bench_*.cc, each one executable in build/bench; target `benchmarks`.
file(GLOB bench_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/bench_*.cc")
add_custom_target(benchmarks)
if(bench_sources)
  find_package(benchmark REQUIRED)
endif()
foreach(source IN LISTS bench_sources)
  cmake_path(GET source STEM name)
  add_executable(${name} EXCLUDE_FROM_ALL "${source}")
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE protobase_flags protobase_core_internal protobase_third_party
    benchmark::benchmark_main benchmark::benchmark)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
  add_dependencies(benchmarks ${name})
endforeach()

# bench/profile: work for valgrind and strace to count; target `profile`.
add_executable(protobase_profile EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/bench/profile/profile.cc")
target_link_libraries(protobase_profile PRIVATE protobase_flags protobase_core_internal
  protobase_third_party)
set_target_properties(protobase_profile PROPERTIES
  OUTPUT_NAME protobase-profile RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
add_custom_target(profile DEPENDS protobase_profile)

# bench/compare beside other stores: built by the target `compare` only, and only where they are.
find_package(nlohmann_json 3.11 QUIET)
set(compare_libraries "")
set(compare_missing "")
foreach(library IN ITEMS rocksdb leveldb lmdb sqlite3 uring)
  find_library(PROTOBASE_COMPARE_${library} ${library})
  if(PROTOBASE_COMPARE_${library})
    list(APPEND compare_libraries "${PROTOBASE_COMPARE_${library}}")
  else()
    list(APPEND compare_missing ${library})
  endif()
endforeach()
if(nlohmann_json_FOUND AND NOT compare_missing)
  file(GLOB compare_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/compare/*.cc")
  add_executable(protobase_compare EXCLUDE_FROM_ALL ${compare_sources})
  target_include_directories(protobase_compare PRIVATE
    "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
  target_link_libraries(protobase_compare PRIVATE protobase_flags protobase_core_internal
    protobase_third_party nlohmann_json::nlohmann_json ${compare_libraries})
  set_target_properties(protobase_compare PROPERTIES
    OUTPUT_NAME protobase-compare RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
  add_custom_target(compare DEPENDS protobase_compare)
endif()

# bench/cloud beside bare requests to the same object store; target `cloud_bench`.
if(nlohmann_json_FOUND AND PROTOBASE_CLOUD)
  file(GLOB cloud_bench_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/cloud/*.cc")
  add_executable(protobase_cloud_bench EXCLUDE_FROM_ALL ${cloud_bench_sources}
    "${PROJECT_SOURCE_DIR}/bench/compare/measure.cc")
  target_include_directories(protobase_cloud_bench PRIVATE
    "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/bench/cloud")
  target_link_libraries(protobase_cloud_bench PRIVATE protobase_flags protobase_cloud_internal
    protobase_core_internal nlohmann_json::nlohmann_json CURL::libcurl)
  set_target_properties(protobase_cloud_bench PROPERTIES
    OUTPUT_NAME protobase-cloud-bench RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
  add_custom_target(cloud_bench DEPENDS protobase_cloud_bench)
endif()
