// The names that containers, functions and frameworks go by: tables, no logic. Pure, safe from any thread.
#pragma once

#include <optional>
#include <string_view>

#include "audit/internal/type_facts.hpp"

namespace leakline::audit {

// Of a class that is not of the code. standard: of namespace std; other libraries' containers are known by their names'
// parts ("flat_hash_map", "QVector").
TypeFacts::Family container_family(std::string_view class_name, bool standard);
// unique_ptr and the like: what they point to is meant.
bool is_pointer_class(std::string_view class_name);

enum class Effect : std::uint8_t { none, grow, shrink };
// What a container's method does to it. standard as above: other libraries have add, put and take, too.
Effect method_effect(std::string_view method, TypeFacts::Family family, bool standard);
// Element access and iterators: what is returned stands for elements. "begin", "find", "back", "at".
bool returns_element(std::string_view method);
bool returns_size(std::string_view method);

// C functions that change the container that their first argument points to: GLib's.
Effect function_effect(std::string_view function);

// Macros of uthash, whose links are pointers to void: which argument is the container.
struct MacroEffect {
    Effect effect = Effect::none;
    std::size_t container = 0;
};
MacroEffect macro_effect(std::string_view macro);

// A function that waits: for input, for time, for another thread.
bool is_blocking(std::string_view function);
// A function whose result, or what it writes to its arguments, was received.
bool is_input(std::string_view function);
// A function whose result is different each time: allocated, random, the time.
bool makes_new(std::string_view function);
// A function that only services and daemons call: "accept", "epoll_wait", "uv_run".
bool is_service_word(std::string_view function);
// A function that calls what it is given before it returns: "qsort", "g_list_foreach".
bool calls_at_once(std::string_view function);
// A function that frees what its first argument points to, by its name: "free", "node_destroy".
bool is_free_name(std::string_view function);
bool is_realloc_name(std::string_view function);
bool never_returns(std::string_view function);
// A variable that says whether a service goes on: "running", "stop_requested_".
bool is_running_word(std::string_view variable);

struct HandlePair {
    std::string_view acquire, release;
};
// What a function opens and returns, or nothing.
const HandlePair* handle_of(std::string_view acquire);
bool closes_handle(std::string_view function);
// Whether a library function only uses the handle that it is given: "read", "fprintf".
bool borrows_handle(std::string_view function);

}  // namespace leakline::audit
