#include <cstddef>

#include "agent/internal/python_answer.hpp"
#include "agent/internal/python_search.hpp"

namespace leakline::agent::python {

namespace {

bool is_deque(const void* object) { return strcmp(type_name(type_of(object)), "collections.deque") == 0; }

std::int64_t items_of(const void* object) {
    if (has_flag(object, kIsList | kIsTuple | kIsDict) || is_deque(object)) return at<std::int64_t>(object, kLength);
    return is_set(object) ? at<std::int64_t>(object, 24) : -1;
}

// Whether the child is the dict of its parent's attributes.
bool is_attribute_dict(const void* parent, const void* child) {
    constexpr int kDictOffset = 288;  // of a type
    if (!has_flag(child, kIsDict) || is_container(parent)) return false;
    if (is_thread_local(parent)) return true;
    if (has_flag(parent, kIsType)) return at<const void*>(parent, kTypeDict) == child;
    const auto offset = at<std::int64_t>(type_of(parent), kDictOffset);
    if (offset > 0) return at<const void*>(parent, static_cast<int>(offset)) == child;
    for (int place = -32; place <= -24; place += 8)
        if (has_flag(parent, kHasValues) && at<const void*>(parent, place) == child) return true;
    return false;
}
// A dict of attributes. A threading.local has a dict for each thread, since 3.13 in a dict of its own.
bool has_attributes(std::uint32_t node) {
    const std::uint32_t parent = graph[node].parent;
    if (parent == Graph::kNone || !has_flag(graph[node].object, kIsDict)) return false;
    if (is_attribute_dict(graph[parent].object, graph[node].object)) return true;
    const std::uint32_t above = graph[parent].parent;
    return above != Graph::kNone && is_thread_local(graph[above].object);
}

// The name of an attribute whose value is kept in the object itself. Makes the object's dict if it has none: only in a copy, and late.
const void* attribute_name(const void* object, const void* value) {
    const void** const place = interpreter.attributes(object);
    return place != nullptr && *place != nullptr ? key_of(*place, value) : nullptr;
}

const void* name_in_code(const void* code, std::int64_t index, bool from_end) {
    const Layout& layout = *known_layout();
    // co_localsplusnames since 3.11; before, co_varnames and co_freevars.
    const void* const names = at<const void*>(code, layout.minor >= 11 ? layout.file - 16 : from_end ? 80 : 72);
    const auto count = at<std::int64_t>(names, kLength);
    if (from_end) index += count;
    return index >= 0 && index < count ? at<const void*>(names, static_cast<int>(24 + 8 * index)) : nullptr;
}
std::int64_t index_in_tuple(const void* tuple, const void* item) {
    const auto count = at<std::int64_t>(tuple, kLength);
    for (std::int64_t i = 0; i < count; ++i)
        if (at<const void*>(tuple, static_cast<int>(24 + 8 * i)) == item) return i;
    return -1;
}

void put_name(const char* before, const void* name) {
    if (name == nullptr || !has_flag(name, kIsString)) return;
    put(before);
    put(text_of(name));
}

// Of a function to what its part (defaults, closure) leads to.
void put_step_of_function(const void* function, const void* part, const void* next) {
    const int arguments_place = known_layout()->minor < 11 ? 16 : known_layout()->minor == 11 ? 56 : 52;
    const void* const code = interpreter.code_of_function(function);
    if (part == interpreter.defaults(function)) {
        const std::int64_t first = at<int>(code, arguments_place) - at<std::int64_t>(part, kLength);
        put_name(" default argument ", name_in_code(code, first + index_in_tuple(part, next), false));
    } else if (part == interpreter.keyword_defaults(function)) {
        put_name(" default argument ", key_of(part, next));
    } else if (part == interpreter.closure(function)) {
        put_name(" closure variable ", name_in_code(code, index_in_tuple(part, next) - at<std::int64_t>(part, kLength), true));
    }
}

void put_step(std::uint32_t parent, std::uint32_t child, bool with_attributes) {
    const void* const from = graph[parent].object;
    const void* const to = graph[child].object;
    const std::uint32_t above = graph[parent].parent;
    if (above != Graph::kNone && type_of(graph[above].object) == interpreter.function_type && has_flag(from, kIsTuple | kIsDict) &&
        !is_attribute_dict(graph[above].object, from))
        return put_step_of_function(graph[above].object, from, to);
    if (has_flag(from, kIsDict)) {
        const void* const key = key_of(from, to);
        if (has_attributes(parent)) return put_name(".", key);
        if (key == nullptr || !has_flag(key, kIsString)) return put("[]");
        put_name("[\"", key);
        return put("\"]");
    }
    if (strcmp(type_name(type_of(from)), "functools._lru_cache_wrapper") == 0 && has_flag(to, kIsDict)) return put(" lru_cache");
    if (is_container(from)) return put("[]");
    if (is_attribute_dict(from, to) || type_of(from) == interpreter.function_type || type_of(from) == interpreter.cell_type) return;
    if (with_attributes) put_name(".", attribute_name(from, to));
}

void put_variable(const Variable& variable) {
    put_mark("variable\t");
    if (variable.kind == Variable::Kind::global) {
        put_mark("global\t");
        put(text_in(variable.owner, "__name__"));
        tab();
        put(text_in(variable.owner, "__file__"));
    } else {
        put_mark("local\t");
        put(text_of(at<const void*>(variable.owner, known_layout()->name)));
        tab();
        put(text_of(at<const void*>(variable.owner, known_layout()->file)));
    }
    tab();
    if (variable.name != nullptr) put(text_of(variable.name));
    tab();
    put_count(variable.kind == Variable::Kind::local ? at<int>(variable.owner, known_layout()->first_line) : 0);
    new_line();
}

// The same object may have a name in several modules: the first found is not the one that makes it.
void put_other_variables(const void* object, const Variable& known) {
    std::ptrdiff_t position = 0;
    const void *key, *module;
    const void* const modules = interpreter.modules();
    while (interpreter.next_in_dict(modules, &position, &key, &module) != 0) {
        if (interpreter.is_subtype(type_of(module), interpreter.module_type) == 0) continue;
        const void* const dict = interpreter.dict_of_module(module);
        if (dict == nullptr || dict == known.owner) continue;
        if (const void* const name = key_of(dict, object); name != nullptr && has_flag(name, kIsString))
            put_variable({Variable::Kind::global, dict, name});
    }
}

// The type of the node's parts that have most of the bytes.
const void* main_type_below(std::uint32_t node) {
    constexpr unsigned kMaxTypes = 16;
    const void* types[kMaxTypes];
    double weights[kMaxTypes];
    unsigned count = 0;
    for (auto [child, end] = graph.children(node); child < end; ++child) {
        if (graph.weight(child).growth <= 0) continue;
        const void* const type = type_of(graph[child].object);
        unsigned i = 0;
        while (i < count && types[i] != type) ++i;
        if (i == kMaxTypes) continue;
        if (i == count) types[count] = type, weights[count++] = 0;
        weights[i] += graph.weight(child).growth;
    }
    unsigned most = 0;
    for (unsigned i = 1; i < count; ++i)
        if (weights[i] > weights[most]) most = i;
    return count > 0 ? types[most] : nullptr;
}

}  // namespace

bool is_container(const void* object) { return has_flag(object, kIsList | kIsTuple | kIsDict) || is_set(object) || is_deque(object); }

bool is_namespace(std::uint32_t node) {
    const Graph::Node& n = graph[node];
    return !is_container(n.object) || has_attributes(node) ||
           (n.parent != Graph::kNone && type_of(graph[n.parent].object) == interpreter.function_type);
}

void put_holder(std::uint32_t node, bool with_attributes) {
    const void* const object = graph[node].object;
    const std::int64_t items = items_of(object);
    put_mark("holder\t");
    put_count(graph.weight(node).bytes);
    tab();
    put_count(graph.weight(node).growth);
    tab();
    put_type(type_of(object));
    tab();
    if (items >= 0) put_count(static_cast<double>(items));
    tab();
    if (const void* const type = items > 0 ? main_type_below(node) : nullptr) put_type(type);
    new_line();
    constexpr unsigned kMaxSteps = 64;
    std::uint32_t path[kMaxSteps];
    unsigned steps = 0;
    std::uint32_t top = node;
    for (; graph[top].parent != Graph::kNone; top = graph[top].parent)
        if (steps < kMaxSteps) path[steps++] = top;
    put_variable(graph.variable(top));
    if (graph.variable(top).kind == Variable::Kind::global) put_other_variables(graph[top].object, graph.variable(top));
    put_mark("path\t");
    while (steps > 0) {
        --steps;
        put_step(graph[path[steps]].parent, path[steps], with_attributes);
    }
    new_line();
}

}  // namespace leakline::agent::python
