// The beginning of a library that is loaded with the program.
#include "agent/internal/agent.hpp"
#include "agent/internal/real_functions.hpp"

namespace leakline::agent {

namespace {

[[gnu::constructor]] void at_start(int argument_count, char** arguments, char**) {
    find_real_functions();
    find_descriptor_functions();
    find_mapping_functions();
    find_exec_functions();
    find_thread_functions();  // a signal handler must not call dlsym
    start(argument_count, arguments);
}

}  // namespace

}  // namespace leakline::agent
