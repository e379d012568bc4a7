// Embeds a file in the program with the assembler (C++20 has no #embed).
//
//   LEAKLINE_EMBED(name, "path");  at global scope; LEAKLINE_EMBEDDED(name) is then a std::string_view of its bytes.
#pragma once

#include <string_view>

#define LEAKLINE_EMBED(name, file)                  \
    asm(".pushsection .rodata\n"                    \
        "leakline_" #name "_begin: .incbin \"" file \
        "\"\n"                                      \
        "leakline_" #name                           \
        "_end:\n"                                   \
        ".popsection\n");                           \
    extern "C" const char leakline_##name##_begin[], leakline_##name##_end[]
#define LEAKLINE_EMBEDDED(name) \
    std::string_view(leakline_##name##_begin, static_cast<std::size_t>(leakline_##name##_end - leakline_##name##_begin))
