#include "unwind/embedded.hpp"

#ifdef LEAKLINE_UNWINDER_FILE
#include "unwind/embed.hpp"

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
