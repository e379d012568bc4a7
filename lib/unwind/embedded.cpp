#include "unwind/embedded.hpp"

// C++20 has no #embed: the assembler puts the file in its place.
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

#ifdef LEAKLINE_UNWINDER_FILE
LEAKLINE_EMBED(unwinder, LEAKLINE_UNWINDER_FILE);
LEAKLINE_EMBED(unwinder_operators, LEAKLINE_UNWINDER_OPERATORS_FILE);
LEAKLINE_EMBED(stream_guard, LEAKLINE_STREAM_GUARD_FILE);
LEAKLINE_EMBED(follow, LEAKLINE_FOLLOW_FILE);

namespace leakline::unwind {

std::string_view embedded_unwinder() { return LEAKLINE_EMBEDDED(unwinder); }
std::string_view embedded_unwinder_operators() { return LEAKLINE_EMBEDDED(unwinder_operators); }
std::string_view embedded_stream_guard() { return LEAKLINE_EMBEDDED(stream_guard); }
std::string_view embedded_follow() { return LEAKLINE_EMBEDDED(follow); }

}  // namespace leakline::unwind
#else
namespace leakline::unwind {

std::string_view embedded_unwinder() { return {}; }
std::string_view embedded_unwinder_operators() { return {}; }
std::string_view embedded_stream_guard() { return {}; }
std::string_view embedded_follow() { return {}; }

}  // namespace leakline::unwind
#endif
