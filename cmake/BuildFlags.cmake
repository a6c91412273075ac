# How everything of ours is compiled. Used inside another project it changes nothing of that project:
# the flags hang on the target protobase_flags, only the sanitizers and ccache of our own builds are global.
add_library(protobase_flags INTERFACE)
target_compile_features(protobase_flags INTERFACE cxx_std_20)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_EXTENSIONS OFF)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
  endif()
  # Optimised, with line numbers in every stack trace; said last, so it wins over CMake's own -O3 and -g.
  target_compile_options(protobase_flags INTERFACE
    "$<$<CONFIG:Release,RelWithDebInfo>:-O2;-g1>" "$<$<CONFIG:Sanitize>:-O1;-g1>")
  target_compile_options(protobase_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # GCC 12 sees ghosts in moved std::variants
  find_program(PROTOBASE_CCACHE ccache)
  if(PROTOBASE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${PROTOBASE_CCACHE}")
  endif()
endif()

if(PROTOBASE_WARNINGS_AS_ERRORS)
  target_compile_options(protobase_flags INTERFACE -Werror)
endif()

# A sanitizer must see every object of a program, therefore not by target.
if(PROTOBASE_SANITIZE STREQUAL "address")
  # Without vptr: that check opens a pipe to look at memory, and fails in tests that run out of descriptors.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(PROTOBASE_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(PROTOBASE_SANITIZE)
  message(FATAL_ERROR "PROTOBASE_SANITIZE is \"${PROTOBASE_SANITIZE}\": say address, thread or nothing")
endif()
if(PROTOBASE_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(PROTOBASE_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
