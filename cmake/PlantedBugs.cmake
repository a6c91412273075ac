# The tests of the tests: programs from the objects of the test programs, linked with a library that has the
# bugs of src/base/planted_bug.h in it. planted_bug.<name> passes when the tests fail with that bug,
# planted_bug.none when they pass without one. Only the sources with a bug are compiled a second time; the
# linker takes their objects instead of the archive's members of the same names.
#
# With the option PROTOBASE_PLANTED_BUGS the library itself has them, for looking at one by hand:
#   PROTOBASE_PLANTED_BUG=no_data_sync ctest --test-dir build-bugs
if(PROTOBASE_PLANTED_BUGS)
  return()
endif()

set(sources_with_bugs
  base/planted_bug.cc engine/committer.cc engine/log.cc file/file_root_register.cc
  file/space_directory.cc file/wal_writer.cc format/record.cc wal/scanner.cc)
set(cloud_bugs "")
if(PROTOBASE_CLOUD)
  list(APPEND sources_with_bugs cloud/commit_log.cc cloud/merger.cc cloud/slot_writer.cc)
  set(cloud_bugs fence_dropped foreign_slot_believed boundary_ignored claims_removed)
endif()
list(TRANSFORM sources_with_bugs PREPEND "${PROJECT_SOURCE_DIR}/src/")
add_library(protobase_with_bugs OBJECT ${sources_with_bugs})
target_compile_definitions(protobase_with_bugs PRIVATE PROTOBASE_PLANTED_BUGS)
target_link_libraries(protobase_with_bugs PRIVATE protobase_test_support)

foreach(kind IN ITEMS crash faults file format storage wal)
  add_executable(${kind}_with_bugs
    $<TARGET_OBJECTS:${kind}_test> $<TARGET_OBJECTS:protobase_with_bugs>)
  target_link_libraries(${kind}_with_bugs PRIVATE protobase_testing GTest::gmock_main)
  set_target_properties(${kind}_with_bugs PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROTOBASE_TEST_DIR}")
endforeach()

# Processes that find the bugs of the cloud, for test/system/cloud_soak_test.py.
if(PROTOBASE_CLOUD)
  add_executable(soak_worker_with_bugs
    "${PROJECT_SOURCE_DIR}/test/soak/soak_worker.cc" $<TARGET_OBJECTS:protobase_with_bugs>)
  target_link_libraries(soak_worker_with_bugs PRIVATE protobase_soak)
  set_target_properties(soak_worker_with_bugs PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROTOBASE_TEST_DIR}")
endif()

foreach(bug IN ITEMS none no_data_sync no_directory_sync checksum_ignored address_not_checksummed
    retry_after_failed_sync torn_tail_accepted root_before_data lock_outlives_kill ${cloud_bugs})
  protobase_add_script_test(planted_bug.${bug} 300
    "${PROTOBASE_PYTHON}" "${PROJECT_SOURCE_DIR}/test/planted_bugs/planted_bug_test.py"
    ${bug} "$<TARGET_FILE:protobase_core>")
endforeach()
