#include "unwind/embedded.hpp"

#ifdef LEAKLINE_UNWINDER_FILE
// C++20 has no #embed: the assembler puts the file in its place.
asm(".pushsection .rodata\n"
    "leakline_unwinder_begin: .incbin \"" LEAKLINE_UNWINDER_FILE "\"\n"
    "leakline_unwinder_end:\n"
    ".popsection\n");
extern "C" const char leakline_unwinder_begin[], leakline_unwinder_end[];

namespace leakline::unwind {

std::string_view embedded_library() {
    return {leakline_unwinder_begin, static_cast<std::size_t>(leakline_unwinder_end - leakline_unwinder_begin)};
}

}  // namespace leakline::unwind
#else
namespace leakline::unwind {

std::string_view embedded_library() { return {}; }

}  // namespace leakline::unwind
#endif
