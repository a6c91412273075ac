# libFuzzer programs: fuzz/fuzz_<x>.cc with clang, ASan and UBSan; target `fuzzers`. Each is a ctest test
# fuzzing.<x> that runs for PROTOBASE_FUZZ_SECONDS (fuzz/run.sh): ./dev fuzz and ./dev test start them so.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "PROTOBASE_BUILD_FUZZERS needs clang++: use `cmake --preset fuzz`")
endif()
# Half the time to compile; said last, so it wins.
target_compile_options(protobase_flags INTERFACE -O1)

# What targets need from outside the library: files in memory, the text of the command line.
add_library(protobase_fuzz_parts STATIC
  "${PROJECT_SOURCE_DIR}/testing/memory_file_system.cc" "${PROJECT_SOURCE_DIR}/cli/location.cc")
target_include_directories(protobase_fuzz_parts PUBLIC
  "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
target_link_libraries(protobase_fuzz_parts PUBLIC
  protobase_flags protobase_core_internal protobase_third_party)
if(PROTOBASE_CLOUD)
  target_link_libraries(protobase_fuzz_parts PUBLIC protobase_cloud_internal)
endif()

enable_testing()
file(GLOB fuzz_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/fuzz/fuzz_*.cc")
if(NOT PROTOBASE_CLOUD)
  list(FILTER fuzz_sources EXCLUDE REGEX "/fuzz_(s3|cloud)_[^/]*$")
endif()
add_custom_target(fuzzers)
foreach(source IN LISTS fuzz_sources)
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "^fuzz_" "" corpus "${name}")
  add_executable(${name} "${source}")
  target_link_libraries(${name} PRIVATE protobase_fuzz_parts)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
  add_dependencies(fuzzers ${name})
  add_test(NAME fuzzing.${corpus}
    COMMAND bash "${PROJECT_SOURCE_DIR}/fuzz/run.sh" ${corpus} "${PROJECT_BINARY_DIR}")
endforeach()
