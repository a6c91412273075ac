# Tests of the repository itself rather than of its machine code: style, documentation, packaging.
function(protobase_label_tests label)
  set_property(TEST ${ARGN} APPEND PROPERTY LABELS ${label})
endfunction()

protobase_add_script_test(tidy.style 60
  "${PROTOBASE_PYTHON}" "${PROJECT_SOURCE_DIR}/test/tidy/tidy.py" "${PROJECT_SOURCE_DIR}")
protobase_add_script_test(tidy.finds_planted_violations 60
  "${PROTOBASE_PYTHON}" "${PROJECT_SOURCE_DIR}/test/tidy/tidy_test.py")
protobase_add_script_test(tidy.test_report 60
  "${PROTOBASE_PYTHON}" "${PROJECT_SOURCE_DIR}/test/tidy/ctest_report_test.py")
protobase_add_script_test(bench.cloud_check 60
  "${PROTOBASE_PYTHON}" "${PROJECT_SOURCE_DIR}/bench/cloud/cloud_check_test.py")
protobase_add_script_test(bench.check 60
  "${PROTOBASE_PYTHON}" "${PROJECT_SOURCE_DIR}/bench/compare/check_test.py")
protobase_add_script_test(tidy.format 120 "${PROJECT_SOURCE_DIR}/dev" format --check)
protobase_add_script_test(docs.doxygen 120 "${CMAKE_COMMAND}" -E env
  "PROTOBASE_VERSION=${PROJECT_VERSION}" "PROTOBASE_DOCS_DIR=${PROJECT_BINARY_DIR}/docs"
  "${CMAKE_COMMAND}" -E chdir "${PROJECT_SOURCE_DIR}" doxygen docs/Doxyfile)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/docs")
protobase_add_script_test(docs.every_type_documented 120
  "${PROTOBASE_PYTHON}" "${PROJECT_SOURCE_DIR}/test/tidy/documented_test.py"
  "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/docs/xml")
protobase_label_tests(tidy
  tidy.style tidy.finds_planted_violations tidy.test_report tidy.format docs.doxygen
  docs.every_type_documented)

# What a user of the library meets. Long ones first: ctest starts the costliest.
if(PROTOBASE_INSTALL)
  foreach(way IN ITEMS add_subdirectory shared find_package pkg_config readme)
    protobase_add_script_test(package.${way} 900
      "${PROTOBASE_PYTHON}" "${PROJECT_SOURCE_DIR}/test/package/package_test.py" ${way})
    protobase_label_tests(package package.${way})
  endforeach()
  set_tests_properties(package.add_subdirectory package.shared PROPERTIES COST 100)
endif()
