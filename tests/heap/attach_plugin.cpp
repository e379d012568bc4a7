// What heap_attach_subject loads while an agent is attached to it.
#include <cstdlib>

extern "C" [[gnu::visibility("default")]] void* plugin_allocate(std::size_t size) { return std::malloc(size); }
