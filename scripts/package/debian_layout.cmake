# Runs in cpack before a package is made of the files that were installed for it: what Debian's policy asks for beyond that.
if(NOT CPACK_GENERATOR STREQUAL DEB)
  return()
endif()
foreach(component leakline debug)
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${component}/usr)
  set(name leakline)
  if(component STREQUAL debug)
    set(name leakline-dbgsym)
    file(MAKE_DIRECTORY ${root}/share/doc)
    file(CREATE_LINK leakline ${root}/share/doc/${name} SYMBOLIC)
    continue()
  endif()
  file(RENAME ${root}/share/zsh/site-functions ${root}/share/zsh/vendor-completions)
  # The license is in "copyright".
  file(REMOVE ${root}/share/doc/leakline/LICENSE)
  file(WRITE ${root}/share/doc/leakline/changelog
    "leakline (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n"
    " -- ${CPACK_PACKAGE_CONTACT}  Thu, 01 Jan 2026 00:00:00 +0000\n")
  file(GLOB compressed ${root}/share/man/man1/*.1 ${root}/share/doc/leakline/changelog)
  execute_process(COMMAND gzip -9n ${compressed} COMMAND_ERROR_IS_FATAL ANY)
  file(MAKE_DIRECTORY ${root}/share/lintian/overrides)
  file(WRITE ${root}/share/lintian/overrides/leakline
    "# The reference service: leakline names the line that leaks in it, by its debug info.\n"
    "leakline: unstripped-binary-or-object [usr/libexec/leakline/trackd]\n")
endforeach()
