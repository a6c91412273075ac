# Install rules: headers, libraries, the program, a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/protobase")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/protobase" "${PROJECT_BINARY_DIR}/include/protobase"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(TARGETS protobase_core EXPORT protobaseTargets)
if(PROTOBASE_CLOUD)
  install(TARGETS protobase_cloud EXPORT protobaseTargets)
endif()
if(TARGET protobase_cli)
  install(TARGETS protobase_cli)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/protobase")

install(EXPORT protobaseTargets NAMESPACE protobase:: DESTINATION "${package_dir}")
configure_package_config_file(cmake/protobaseConfig.cmake.in protobaseConfig.cmake
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(protobaseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/protobaseConfig.cmake"
  "${PROJECT_BINARY_DIR}/protobaseConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindxxHash.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/Findliburing.cmake"
  DESTINATION "${package_dir}")

# pkg-config: a static library's own needs must be said to every user, a shared one's only to --static.
set(pc_libs "-pthread")
set(pc_private "")
if(BUILD_SHARED_LIBS)
  set(pc_libs "")
  set(pc_private .private)
endif()
set(pc_liburing "")
if(PROTOBASE_LIBURING)
  set(pc_liburing " liburing")
endif()
configure_file(cmake/protobase.pc.in protobase.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/protobase.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(PROTOBASE_CLOUD)
  configure_file(cmake/protobase-cloud.pc.in protobase-cloud.pc @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/protobase-cloud.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endif()
