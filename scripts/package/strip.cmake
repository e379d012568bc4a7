# Runs at the end of `cmake --install`: takes the debug info out of the installed leakline. trackd keeps its own, which leakline reads
# for the lines of the demo, compressed.
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
execute_process(COMMAND ${objcopy} --strip-all "${root}/${bin}/leakline" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${objcopy} --compress-debug-sections=zlib "${root}/${libexec}/trackd" COMMAND_ERROR_IS_FATAL ANY)
