// Embeds a file in the program with the assembler (C++20 has no #embed), as gzip packed it: of 8 MB that may be installed, the libraries for other
// programs would take 0.6.
//
//   LEAKLINE_EMBED(name, "path.gz");  at global scope; LEAKLINE_EMBEDDED(name) is then a std::string_view of the file's bytes.
#pragma once

#include <string>
#include <string_view>

#define LEAKLINE_EMBED(name, file)                  \
    asm(".pushsection .rodata\n"                    \
        "leakline_" #name "_begin: .incbin \"" file \
        "\"\n"                                      \
        "leakline_" #name                           \
        "_end:\n"                                   \
        ".popsection\n");                           \
    extern "C" const char leakline_##name##_begin[], leakline_##name##_end[]
// Unpacked at the first use; any thread.
#define LEAKLINE_EMBEDDED(name)                                                                                        \
    [] {                                                                                                               \
        static const std::string bytes = leakline::unwind::unpacked({leakline_##name##_begin, leakline_##name##_end}); \
        return std::string_view(bytes);                                                                                \
    }()

namespace leakline::unwind {

// What was packed by gzip in one piece of less than 4 GiB; empty if it is damaged.
std::string unpacked(std::string_view packed);

}  // namespace leakline::unwind
