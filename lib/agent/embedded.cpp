#include "agent/embedded.hpp"

#include "unwind/embed.hpp"

#ifdef LEAKLINE_HEAP_AGENT_FILE
LEAKLINE_EMBED(agent, LEAKLINE_HEAP_AGENT_FILE);
LEAKLINE_EMBED(agent_operators, LEAKLINE_HEAP_AGENT_OPERATORS_FILE);
#endif
#ifdef LEAKLINE_HEAP_AGENT_ATTACHED_FILE
LEAKLINE_EMBED(agent_attached, LEAKLINE_HEAP_AGENT_ATTACHED_FILE);
#endif

namespace leakline::agent {

#ifdef LEAKLINE_HEAP_AGENT_FILE
std::string_view embedded_agent() { return LEAKLINE_EMBEDDED(agent); }
std::string_view embedded_agent_operators() { return LEAKLINE_EMBEDDED(agent_operators); }
#else
std::string_view embedded_agent() { return {}; }
std::string_view embedded_agent_operators() { return {}; }
#endif

#ifdef LEAKLINE_HEAP_AGENT_ATTACHED_FILE
std::string_view embedded_agent_attached() { return LEAKLINE_EMBEDDED(agent_attached); }
#else
std::string_view embedded_agent_attached() { return {}; }
#endif

}  // namespace leakline::agent
