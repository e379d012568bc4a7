#include "agent/embedded.hpp"

#ifdef LEAKLINE_HEAP_AGENT_FILE
#include "unwind/embed.hpp"

LEAKLINE_EMBED(agent, LEAKLINE_HEAP_AGENT_FILE);
LEAKLINE_EMBED(agent_operators, LEAKLINE_HEAP_AGENT_OPERATORS_FILE);
LEAKLINE_EMBED(agent_attached, LEAKLINE_HEAP_AGENT_ATTACHED_FILE);

namespace leakline::agent {

std::string_view embedded_agent() { return LEAKLINE_EMBEDDED(agent); }
std::string_view embedded_agent_operators() { return LEAKLINE_EMBEDDED(agent_operators); }
std::string_view embedded_agent_attached() { return LEAKLINE_EMBEDDED(agent_attached); }

}  // namespace leakline::agent
#else
namespace leakline::agent {

std::string_view embedded_agent() { return {}; }
std::string_view embedded_agent_operators() { return {}; }
std::string_view embedded_agent_attached() { return {}; }

}  // namespace leakline::agent
#endif
