# The programs, in build/bin: protobase from cli/, and one from each file in tools/.
# They link the internal form of the library, so they run alone even from a shared build.
set(PROTOBASE_BIN_DIR "${PROJECT_BINARY_DIR}/bin")

function(protobase_add_program target output_name)
  add_executable(${target} ${ARGN})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(${target} PRIVATE protobase_flags protobase_core_internal fmt::fmt)
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME "${output_name}" RUNTIME_OUTPUT_DIRECTORY "${PROTOBASE_BIN_DIR}")
endfunction()

file(GLOB cli_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/cli/*.cc")
list(FILTER cli_sources EXCLUDE REGEX "_test\\.cc$")
if(cli_sources)
  find_package(CLI11 2.1 REQUIRED)
  # All but main, once for the program and its tests.
  list(FILTER cli_sources EXCLUDE REGEX "/main\\.cc$")
  if(PROTOBASE_CLOUD)
    list(FILTER cli_sources EXCLUDE REGEX "/without_cloud\\.cc$")
  else()
    list(FILTER cli_sources EXCLUDE REGEX "/cloud\\.cc$")
  endif()
  add_library(protobase_cli_parts STATIC ${cli_sources})
  target_include_directories(protobase_cli_parts PUBLIC
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(protobase_cli_parts
    PRIVATE CLI11::CLI11 PUBLIC protobase_flags protobase_core_internal fmt::fmt)
  if(PROTOBASE_CLOUD)
    target_link_libraries(protobase_cli_parts PUBLIC protobase_cloud_internal)
  endif()
  protobase_add_program(protobase_cli protobase "${PROJECT_SOURCE_DIR}/cli/main.cc")
  target_link_libraries(protobase_cli PRIVATE protobase_cli_parts)
endif()

# tools/<a_tool>.cc becomes build/bin/protobase-<a-tool>, target protobase_<a_tool>.
file(GLOB tool_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/*.cc")
foreach(source IN LISTS tool_sources)
  cmake_path(GET source STEM name)
  string(REPLACE "_" "-" output_name "protobase-${name}")
  protobase_add_program(protobase_${name} "${output_name}" "${source}")
endforeach()

# What ./dev run needs.
add_custom_target(programs)
foreach(program IN ITEMS protobase_cli protobase_demo)
  if(TARGET ${program})
    add_dependencies(programs ${program})
  endif()
endforeach()
