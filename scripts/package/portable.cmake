# Settings of portable.sh, before libraries are looked for: the static ones, and what these need themselves.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
# Without sections that are not used: those of libstdc++ for std::random_device need glibc 2.36.
string(APPEND CMAKE_EXE_LINKER_FLAGS " -static-libstdc++ -static-libgcc -Wl,--gc-sections")
set(CMAKE_CXX_STANDARD_LIBRARIES "-Wl,-Bstatic -lssl -lcrypto -lelf -lz -lbz2 -llzma -Wl,-Bdynamic")

# Debian has no static fmt, but its headers do without.
add_library(fmt::fmt INTERFACE IMPORTED)
target_compile_definitions(fmt::fmt INTERFACE FMT_HEADER_ONLY)
