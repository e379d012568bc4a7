# What `cmake --install` and `cpack` put where. Component "leakline": the program. Component "debug": its debug info, as the file
# that gdb finds by the build id; `cmake --install DIR --component debug` installs it, a plain `cmake --install` does not.
#
# leakline is one file: the libraries that it preloads into services are inside of it.
set(package_folder ${CMAKE_CURRENT_LIST_DIR})
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME leakline)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # cpack packs what is built, and does not build all tests first

find_program(LEAKLINE_OBJCOPY objcopy REQUIRED)
find_program(LEAKLINE_READELF readelf REQUIRED)
install(TARGETS leakline_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS trackd RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/leakline)
install(CODE "
  set(program \"$<TARGET_FILE:leakline_cli>\")
  set(readelf \"${LEAKLINE_READELF}\")
  set(objcopy \"${LEAKLINE_OBJCOPY}\")
  set(bin \"${CMAKE_INSTALL_BINDIR}\")
  set(libexec \"${CMAKE_INSTALL_LIBEXECDIR}/leakline\")
  include(\"${package_folder}/strip.cmake\")")
install(CODE "
  set(program \"$<TARGET_FILE:leakline_cli>\")
  set(readelf \"${LEAKLINE_READELF}\")
  set(objcopy \"${LEAKLINE_OBJCOPY}\")
  include(\"${package_folder}/debug_file.cmake\")" COMPONENT debug EXCLUDE_FROM_ALL)

# Reports of the reference service show its source lines.
file(GLOB trackd_sources RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/lib/service/*.[ch]pp)
foreach(file ${trackd_sources})
  install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/leakline/lib/service)
endforeach()

install(DIRECTORY ${CMAKE_BINARY_DIR}/apps/leakline/share/ DESTINATION ${CMAKE_INSTALL_DATADIR})
file(GLOB guides RELATIVE ${CMAKE_SOURCE_DIR}
  ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/apps/*/README.md ${CMAKE_SOURCE_DIR}/lib/*/README.md ${CMAKE_SOURCE_DIR}/scripts/*/README.md)
foreach(guide ${guides})
  get_filename_component(folder ${guide} DIRECTORY)
  install(FILES ${guide} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()
install(FILES LICENSE ${package_folder}/copyright .github/CHANGELOG.md lib/report/assets/LICENSES.txt DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(FILES lib/loop/include/leakline/loop.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/leakline)

# What the GitLab template runs.
install(PROGRAMS scripts/ci/history.sh scripts/ci/run.sh DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/leakline/ci)

# cpack: a .deb where dpkg-deb is, and a .tar.gz
set(CPACK_PACKAGE_NAME leakline)
set(CPACK_PACKAGE_CONTACT "leakline maintainers <maintainers@users.noreply.github.com>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "finds memory leaks in HTTP services, down to the source line")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES OFF)  # strip.cmake did
set(CPACK_COMPONENTS_ALL leakline debug)
set(CPACK_GENERATOR TGZ)
find_program(LEAKLINE_DPKG_DEB dpkg-deb)
if(LEAKLINE_DPKG_DEB)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_ARCHIVE_LEAKLINE_FILE_NAME leakline-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_ARCHIVE_DEBUG_FILE_NAME leakline-debug-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_LEAKLINE_PACKAGE_NAME leakline)
set(CPACK_DEBIAN_LEAKLINE_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_LEAKLINE_PACKAGE_SHLIBDEPS ON)
# The default tracker, and what names the addresses of both trackers. It needs no desktop, which heaptrack itself recommends.
set(CPACK_DEBIAN_LEAKLINE_PACKAGE_DEPENDS libheaptrack)
set(CPACK_COMPONENT_LEAKLINE_DESCRIPTION
"leakline replays recorded traffic against a service, analyzes its memory,
reports the source line that leaks, and verifies fixes. It reads the logs of
common servers, measures memory with and without a heap tracker, and states the
smallest leak that a run could have detected.")
set(CPACK_DEBIAN_DEBUG_PACKAGE_NAME leakline-dbgsym)
set(CPACK_DEBIAN_DEBUG_PACKAGE_SECTION debug)
set(CPACK_DEBIAN_DEBUG_PACKAGE_DEPENDS "leakline (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_DEBUG_DESCRIPTION "debug symbols for leakline")
set(CPACK_PRE_BUILD_SCRIPTS ${package_folder}/debian_layout.cmake)
include(CPack)
