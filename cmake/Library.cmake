# protobase_add_library(<name> FOLDERS <src folders> [EXCEPT <folders in these>]
#                       [LIBRARIES <third-party>] [USES <our libraries>])
#
# Makes protobase_<name>, alias protobase::<name>, from src/<folder>/**/*.cc without tests, and
# protobase_<name>_internal, which shows the hidden symbols too: what unit tests and our programs link.
# Compiled once for both, always position-independent, so that a static library fits into a shared one.
function(protobase_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FOLDERS;EXCEPT;LIBRARIES;USES")
  set(sources "")
  foreach(folder IN LISTS arg_FOLDERS)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${folder}/*.cc")
    list(APPEND sources ${found})
  endforeach()
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  foreach(folder IN LISTS arg_EXCEPT)
    list(FILTER sources EXCLUDE REGEX "/src/${folder}/")
  endforeach()

  set(objects protobase_${name}_objects)
  add_library(${objects} OBJECT ${sources})
  set_target_properties(${objects} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(${objects}
    PUBLIC "${PROJECT_SOURCE_DIR}/include" "${PROJECT_BINARY_DIR}/include"
    PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(${objects} PRIVATE protobase_flags protobase_msgpack ${arg_LIBRARIES})

  add_library(protobase_${name} $<TARGET_OBJECTS:${objects}>)
  add_library(protobase::${name} ALIAS protobase_${name})
  set_target_properties(protobase_${name} PROPERTIES
    EXPORT_NAME ${name} LINKER_LANGUAGE CXX
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})  # before 1.0 a minor may break the ABI
  protobase_library_interface(protobase_${name})
  # What is hidden in a shared library of ours that this one uses is linked into this one too.
  if(BUILD_SHARED_LIBS)
    foreach(used IN LISTS arg_USES)
      target_link_libraries(protobase_${name} PRIVATE protobase_${used}_internal)
    endforeach()
  endif()

  if(BUILD_SHARED_LIBS)
    add_library(protobase_${name}_internal STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${objects}>)
    set_target_properties(protobase_${name}_internal PROPERTIES LINKER_LANGUAGE CXX)
    protobase_library_interface(protobase_${name}_internal _internal)
  else()
    add_library(protobase_${name}_internal ALIAS protobase_${name})
  endif()
endfunction()

# What a user of the library gets with it. Reads arg_LIBRARIES and arg_USES of the caller. `form`: "", or
# "_internal" to use the others in that form.
function(protobase_library_interface target)
  set(form "${ARGN}")
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} INTERFACE
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
    "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  foreach(used IN LISTS arg_USES)
    target_link_libraries(${target} PUBLIC protobase_${used}${form})
  endforeach()
endfunction()
