#include "clock/internal/embedded.hpp"

#ifdef LEAKLINE_SERVICE_CLOCK_FILE
#include "unwind/embed.hpp"

LEAKLINE_EMBED(clock, LEAKLINE_SERVICE_CLOCK_FILE);

namespace leakline::clock {

std::string_view embedded_clock() { return LEAKLINE_EMBEDDED(clock); }

}  // namespace leakline::clock
#else
namespace leakline::clock {

std::string_view embedded_clock() { return {}; }

}  // namespace leakline::clock
#endif
