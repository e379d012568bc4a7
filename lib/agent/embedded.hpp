// The agent's library, which is part of this program.
#pragma once

#include <string_view>

namespace leakline::agent {

// The bytes of a shared object (static storage). Empty if the agent does not support this kind of machine.
std::string_view embedded_agent();
std::string_view embedded_agent_operators();  // the same, with operator new and delete (unwind/operators.cpp)
std::string_view embedded_agent_attached();   // the same, for programs that run already (attach_request.hpp)

}  // namespace leakline::agent
