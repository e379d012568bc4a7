# What every target shares, and the functions that folders declare themselves with.

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(LEAKLINE_X86_64 ON)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(LEAKLINE_AARCH64 ON)
endif()

add_library(leakline_settings INTERFACE)
target_compile_features(leakline_settings INTERFACE cxx_std_20)
target_include_directories(leakline_settings INTERFACE ${CMAKE_SOURCE_DIR}/lib)
target_link_libraries(leakline_settings INTERFACE Threads::Threads)
if(LEAKLINE_SANITIZE)
  target_compile_options(leakline_settings INTERFACE -fsanitize=${LEAKLINE_SANITIZE} -fno-sanitize-recover=all
                                                    -fno-omit-frame-pointer -g)
  target_link_options(leakline_settings INTERFACE -fsanitize=${LEAKLINE_SANITIZE})
endif()

add_library(leakline_warnings INTERFACE)
target_compile_options(leakline_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                                  -Woverloaded-virtual -Wcast-qual -Wformat=2)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bugs 105651, 105329, 105562: false alarms on inlined std::string, std::vector and std::optional. GCC 13 and clang
  # keep these warnings.
  target_compile_options(leakline_warnings INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
                                                    -Wno-maybe-uninitialized)
endif()
if(LEAKLINE_WERROR)
  target_compile_options(leakline_warnings INTERFACE -Werror)
endif()

# Headers that nearly every file includes are parsed once a target. The dev preset does without, so that a missing
# include is found.
option(LEAKLINE_PCH "Precompile common headers" ON)
function(leakline_precompile target)
  if(LEAKLINE_PCH)
    target_precompile_headers(${target} PRIVATE <algorithm> <chrono> <functional> <map> <memory> <optional> <string>
                                                <vector> ${ARGN})
  endif()
endfunction()

# Six files of a library compile as one, and of debug info they get what backtraces need: both thirds of a build's time.
# The dev preset compiles each file by itself, so that a missing include is found.
option(LEAKLINE_UNITY "Compile several files of a library at a time" ON)
function(leakline_fast_build target)
  if(LEAKLINE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    # GCC takes types of a file that is included for a header's.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
  endif()
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-g1>)
endfunction()

# For what runs once: an installed copy of at most 8 MB is worth more than its speed. Functions that nothing calls are left out.
function(leakline_small target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-Os> -ffunction-sections)
endfunction()

# Debug info that names sources from the top of the repository, wherever that is: those of trackd are installed with it.
function(leakline_portable_debug_info target)
  target_compile_options(${target} PRIVATE -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=${CMAKE_BINARY_DIR}=.)
endfunction()

# leakline_library(NAME SOURCES a.cpp ... [LINK targets...] [PRIVATE targets...])
#   declares lib/NAME as the target leakline_NAME with the alias leakline::NAME
function(leakline_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  add_library(leakline_${name} STATIC ${arg_SOURCES})
  add_library(leakline::${name} ALIAS leakline_${name})
  target_link_libraries(leakline_${name} PUBLIC leakline_settings ${arg_LINK} PRIVATE leakline_warnings ${arg_PRIVATE})
  leakline_fast_build(leakline_${name})
  if("fmt::fmt" IN_LIST arg_PRIVATE OR "fmt::fmt" IN_LIST arg_LINK)
    leakline_precompile(leakline_${name} <fmt/format.h>)
  else()
    leakline_precompile(leakline_${name})
  endif()
endfunction()

# leakline_preload(FOLDER NAME SOURCES...)
#   declares libleakline_NAME.so, which embedded.cpp of lib/FOLDER embeds. The library is loaded into recorded programs: no
#   sanitizer, no exceptions, no libstdc++ at run time, no exported symbols but those it replaces.
function(leakline_preload folder name)
  add_library(leakline_${name} SHARED ${ARGN})
  target_link_libraries(leakline_${name} PRIVATE leakline_warnings)
  target_include_directories(leakline_${name} PRIVATE ${CMAKE_SOURCE_DIR}/lib)
  target_compile_features(leakline_${name} PRIVATE cxx_std_20)
  set_target_properties(leakline_${name} PROPERTIES
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINKER_LANGUAGE C  # what needs libstdc++ does not link
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  target_compile_options(leakline_${name} PRIVATE -O2 -g0 -fno-exceptions -fno-rtti -fno-stack-protector -fno-builtin-malloc)
  target_link_options(leakline_${name} PRIVATE -static-libgcc -s LINKER:--as-needed,-z,defs,-z,now,-z,nodelete)
  set(file ${CMAKE_CURRENT_BINARY_DIR}/libleakline_${name}.so.gz)
  add_custom_command(OUTPUT ${file} COMMAND gzip -9nc $<TARGET_FILE:leakline_${name}> > ${file} DEPENDS leakline_${name} VERBATIM)
  add_custom_target(leakline_${name}_packed DEPENDS ${file})
  add_dependencies(leakline_${folder} leakline_${name}_packed)
  string(TOUPPER ${name} upper)
  set_property(SOURCE embedded.cpp APPEND PROPERTY OBJECT_DEPENDS ${file})
  set_property(SOURCE embedded.cpp APPEND PROPERTY COMPILE_DEFINITIONS "LEAKLINE_${upper}_FILE=\"${file}\"")
endfunction()

# Test code runs once and is compiled often: its own optimization costs half of a build and buys nothing; of debug info,
# backtraces need the lines.
function(leakline_test_options target)
  target_compile_options(${target} PRIVATE -O0 -g1)
endfunction()

# leakline_test(NAME SOURCES a.cpp ... LINK targets... [LABELS l...] [TIMEOUT s] [COST s] [MEASURES])
#   declares tests/NAME as one doctest program and one ctest entry. COST: seconds that it takes, where that is long: ctest
#   starts those first. MEASURES: it expects a verdict on a service under full load, and runs beside no other such test.
function(leakline_test name)
  cmake_parse_arguments(arg "MEASURES" "TIMEOUT;COST" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE leakline_test_main leakline_warnings ${arg_LINK})
  leakline_test_options(test_${name})
  if(LEAKLINE_PCH)
    target_precompile_headers(test_${name} REUSE_FROM leakline_test_main)
  endif()
  target_compile_definitions(test_${name} PRIVATE LEAKLINE_TESTDATA="${CMAKE_SOURCE_DIR}/testdata"
                                                  LEAKLINE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                                  LEAKLINE_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  add_test(NAME ${name} COMMAND test_${name})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)  # for what hangs: a loaded machine can be ten times slower
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  if(arg_COST)
    set_tests_properties(${name} PROPERTIES COST ${arg_COST})
  endif()
  if(arg_MEASURES)
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK measured_service)
  endif()
endfunction()

# leakline_fuzz(NAME SOURCE f.cpp LINK targets... [SEEDS folders...])
#   tests/fuzz/f.cpp defines LLVMFuzzerTestOneInput. By default it is linked with a runner that replays the corpus in
#   testdata/fuzz/NAME and in SEEDS, and seeded mutations of it, as a ctest entry; with LEAKLINE_LIBFUZZER it is a libFuzzer program.
function(leakline_fuzz name)
  cmake_parse_arguments(arg "" "SOURCE" "LINK;SEEDS" ${ARGN})
  add_executable(fuzz_${name} ${arg_SOURCE})
  target_link_libraries(fuzz_${name} PRIVATE leakline_settings leakline_warnings ${arg_LINK})
  if(LEAKLINE_LIBFUZZER)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    leakline_test_options(fuzz_${name})
    target_link_libraries(fuzz_${name} PRIVATE leakline_corpus_runner)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/testdata/fuzz/${name} ${arg_SEEDS})
    set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 300 LABELS fuzz)
  endif()
endfunction()
