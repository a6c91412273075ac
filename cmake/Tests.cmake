# Every test of the repository as a ctest test, found by place:
#   src/<folder>/**/*_test.cc  one program per folder      testing/*.cc   library protobase_testing
#   test/<kind>/*.cc           one program per kind        test/system/*.{sh,py}  one test each
#   examples/*.cc              built, run in an empty directory
#   fuzz/fuzz_<x>.cc           replays fuzz/corpus/<x>/
#   test/tidy, test/package, documentation: once, in the plain build
# Labels: tidy (needs no compiling), package (slow, compiles consumers); the rest has none.
find_package(GTest REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_program(PROTOBASE_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)  # the system's, if it has one
find_program(PROTOBASE_PYTHON python3 REQUIRED)
include(GoogleTest)

set(PROTOBASE_TEST_DIR "${PROJECT_BINARY_DIR}/test")
set(time_factor 1)  # sanitized programs are slower
if(PROTOBASE_SANITIZE OR PROTOBASE_COVERAGE)
  set(time_factor 5)
endif()
set(plain_build ON)  # what does not look at our machine code runs in one build only
if(PROTOBASE_SANITIZE OR PROTOBASE_COVERAGE OR PROTOBASE_BUILD_FUZZERS)
  set(plain_build OFF)
endif()

# Everything a test may look at: internals, third-party headers, the test parts, where things lie.
add_library(protobase_test_support INTERFACE)
target_include_directories(protobase_test_support INTERFACE
  "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src")
target_compile_definitions(protobase_test_support INTERFACE
  PROTOBASE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
  PROTOBASE_BUILD_DIR="${PROJECT_BINARY_DIR}")
if(PROTOBASE_CLOUD)
  target_link_libraries(protobase_test_support INTERFACE protobase_cloud_internal)
  target_compile_definitions(protobase_test_support INTERFACE PROTOBASE_HAVE_CLOUD=1)
endif()
target_link_libraries(protobase_test_support INTERFACE protobase_flags protobase_core_internal
  protobase_third_party nlohmann_json::nlohmann_json GTest::gmock)

# UBSan's checks of every single dereference double the time to compile; the library keeps them, the
# code of the tests goes without.
if(PROTOBASE_SANITIZE STREQUAL "address")
  target_compile_options(protobase_test_support INTERFACE -fno-sanitize=null,alignment)
endif()

file(GLOB testing_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/testing/*.cc")
list(FILTER testing_sources EXCLUDE REGEX "_test\\.cc$")
if(NOT PROTOBASE_CLOUD)
  list(FILTER testing_sources EXCLUDE REGEX "/cloud_[^/]*$")
endif()
if(testing_sources)
  add_library(protobase_testing STATIC ${testing_sources})
  target_link_libraries(protobase_testing PUBLIC protobase_test_support)
else()
  add_library(protobase_testing ALIAS protobase_test_support)
endif()

# One program of GoogleTest tests; each TEST is a ctest test <name>.<suite>.<test>.
function(protobase_add_gtest name timeout_s)
  set(target ${name}_test)
  add_executable(${target} ${ARGN})
  target_link_libraries(${target} PRIVATE protobase_testing GTest::gmock_main)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROTOBASE_TEST_DIR}")
  math(EXPR timeout_s "${timeout_s} * ${time_factor}")
  gtest_discover_tests(${target}
    TEST_PREFIX "${name}."
    WORKING_DIRECTORY "${PROTOBASE_TEST_DIR}"
    DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
    PROPERTIES TIMEOUT ${timeout_s})
endfunction()

# Unit tests, a program per folder.
file(GLOB unit_folders LIST_DIRECTORIES true RELATIVE "${PROJECT_SOURCE_DIR}/src" CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/src/*")
foreach(folder IN LISTS unit_folders)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${folder}/*_test.cc")
  if(NOT PROTOBASE_CLOUD)
    list(FILTER sources EXCLUDE REGEX "/src/(cloud|os/net|storage/cloud)/")
  endif()
  if(sources)
    protobase_add_gtest(${folder} 60 ${sources})
  endif()
endforeach()
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/testing/*_test.cc")
if(NOT PROTOBASE_CLOUD)
  list(FILTER sources EXCLUDE REGEX "/cloud_[^/]*$")
endif()
if(sources)
  protobase_add_gtest(testing 60 ${sources})
endif()
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/cli/*_test.cc")
if(sources AND PROTOBASE_BUILD_TOOLS)
  protobase_add_gtest(cli 60 ${sources})
  target_link_libraries(cli_test PRIVATE protobase_cli_parts)
endif()

# The kinds of test above the units.
set(cli_path "${PROJECT_BINARY_DIR}/bin/protobase")
foreach(kind IN ITEMS conformance golden crash faults system)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/test/${kind}/*.cc")
  if(NOT PROTOBASE_CLOUD)
    list(FILTER sources EXCLUDE REGEX "/cloud_[^/]*$")
  endif()
  if(sources)
    protobase_add_gtest(${kind} 600 ${sources})  # exhaustive ones need minutes, on a busy machine more
    target_compile_definitions(${kind}_test PRIVATE PROTOBASE_CLI="${cli_path}")
    if(TARGET protobase_cli)
      add_dependencies(${kind}_test protobase_cli)
    endif()
  endif()
endforeach()

# The process that tests kill, the program that kills it at a chosen system call, and the judge.
file(GLOB soak_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/test/soak/*.cc")
list(FILTER soak_sources EXCLUDE REGEX "(_test|/soak_worker|/kill_at_call)\\.cc$")
add_library(protobase_soak STATIC ${soak_sources} "${PROJECT_SOURCE_DIR}/cli/location.cc")
target_link_libraries(protobase_soak PUBLIC protobase_test_support)
foreach(program IN ITEMS soak_worker kill_at_call)
  add_executable(${program} "${PROJECT_SOURCE_DIR}/test/soak/${program}.cc")
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROTOBASE_TEST_DIR}")
endforeach()
target_link_libraries(soak_worker PRIVATE protobase_soak)
target_link_libraries(kill_at_call PRIVATE protobase_flags)
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/test/soak/*_test.cc")
protobase_add_gtest(soak 60 ${sources})
target_link_libraries(soak_test PRIVATE protobase_soak)
file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/test/stress/*.cc")
protobase_add_gtest(stress 300 ${sources})
target_link_libraries(stress_test PRIVATE protobase_soak)
target_compile_definitions(stress_test PRIVATE
  PROTOBASE_SOAK_WORKER="${PROTOBASE_TEST_DIR}/soak_worker")
add_dependencies(stress_test soak_worker)

# protobase_add_script_test(<name> <timeout_s> <command>...): exit status 77 means skipped.
function(protobase_add_script_test name timeout_s)
  add_test(NAME "${name}" COMMAND ${ARGN} WORKING_DIRECTORY "${PROTOBASE_TEST_DIR}")
  math(EXPR timeout_s "${timeout_s} * ${time_factor}")
  set_tests_properties("${name}" PROPERTIES TIMEOUT ${timeout_s} SKIP_RETURN_CODE 77
    ENVIRONMENT "PROTOBASE_CLI=${cli_path};PROTOBASE_SOURCE_DIR=${PROJECT_SOURCE_DIR};\
PROTOBASE_BUILD_DIR=${PROJECT_BINARY_DIR};PROTOBASE_SANITIZE=${PROTOBASE_SANITIZE};PYTHONDONTWRITEBYTECODE=1")
endfunction()

# What test/system/sigv4_botocore_test.py compares with botocore.
if(PROTOBASE_CLOUD)
  add_executable(sign_requests "${PROJECT_SOURCE_DIR}/test/signing/sign_requests.cc")
  target_link_libraries(sign_requests PRIVATE protobase_test_support)
  set_target_properties(sign_requests PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROTOBASE_TEST_DIR}")
  # What test/system/cloud_*_test.py compares with the official clients.
  add_executable(cloud_object "${PROJECT_SOURCE_DIR}/test/interop/cloud_object.cc")
  target_link_libraries(cloud_object PRIVATE protobase_testing)
  set_target_properties(cloud_object PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROTOBASE_TEST_DIR}")
endif()

file(GLOB scripts CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/test/system/*.sh" "${PROJECT_SOURCE_DIR}/test/system/*.py")
list(FILTER scripts EXCLUDE REGEX "/(lib|_)[^/]*$")  # lib*.sh and _*.py are shared parts
if(NOT PROTOBASE_CLOUD OR NOT plain_build)  # servers and signatures: once is enough
  list(FILTER scripts EXCLUDE REGEX "/(cloud|sigv4)_[^/]*$")
endif()
if(PROTOBASE_CLOUD AND PROTOBASE_SANITIZE)  # but these are our processes, with all their threads
  list(APPEND scripts "${PROJECT_SOURCE_DIR}/test/system/cloud_soak_test.py")
endif()
foreach(script IN LISTS scripts)
  cmake_path(GET script STEM name)
  set(timeout_s 300)
  if(name MATCHES "^cloud_")
    set(timeout_s 900)  # the first one on a machine installs and builds its server
  endif()
  if(script MATCHES "\\.py$")
    protobase_add_script_test(system.${name} ${timeout_s} "${PROTOBASE_PYTHON}" "${script}")
  else()
    protobase_add_script_test(system.${name} 300 bash "${script}")
  endif()
endforeach()

# Examples see what a user sees: the public library and its headers.
file(GLOB examples CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/examples/*.cc")
if(NOT PROTOBASE_CLOUD)
  list(FILTER examples EXCLUDE REGEX "/bucket\\.cc$")
endif()
foreach(source IN LISTS examples)
  cmake_path(GET source STEM name)
  set(place space)  # a directory to make a store in
  add_executable(example_${name} "${source}")
  target_link_libraries(example_${name} PRIVATE
    protobase_flags protobase::core nlohmann_json::nlohmann_json)
  if(name STREQUAL "bucket")
    set(place "")  # without one its bucket is memory
    target_link_libraries(example_${name} PRIVATE protobase::cloud)
  endif()
  set_target_properties(example_${name} PROPERTIES
    OUTPUT_NAME "${name}" RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/examples")
  protobase_add_script_test(example.${name} 60 "${CMAKE_COMMAND}"
    "-DPROGRAM=$<TARGET_FILE:example_${name}>"
    "-DDIRECTORY=${PROJECT_BINARY_DIR}/examples/run/${name}" "-DARGUMENTS=${place}"
    -P "${PROJECT_SOURCE_DIR}/cmake/RunInFreshDirectory.cmake")
endforeach()

# The corpus of each fuzz target, replayed by an ordinary main.
add_library(protobase_replay STATIC
  "${PROJECT_SOURCE_DIR}/fuzz/replay_main.cc" "${PROJECT_SOURCE_DIR}/cli/location.cc")
target_link_libraries(protobase_replay PUBLIC protobase_testing)
file(GLOB fuzz_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/fuzz/fuzz_*.cc")
if(NOT PROTOBASE_CLOUD)
  list(FILTER fuzz_sources EXCLUDE REGEX "/fuzz_(s3|cloud)_[^/]*$")
endif()
foreach(source IN LISTS fuzz_sources)
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "^fuzz_" "" corpus "${name}")
  add_executable(${name}_replay "${source}")
  target_link_libraries(${name}_replay PRIVATE protobase_replay)
  set_target_properties(${name}_replay PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROTOBASE_TEST_DIR}")
  protobase_add_script_test(fuzz.${corpus} 120
    ${name}_replay "${PROJECT_SOURCE_DIR}/fuzz/corpus/${corpus}")
endforeach()

if(plain_build)
  include(PlantedBugs)
  include(RepositoryTests)
endif()
