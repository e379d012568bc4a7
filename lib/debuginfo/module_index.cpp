#include "debuginfo/internal/module_index.hpp"

#include <dwarf.h>

#include <algorithm>

#include "debuginfo/type_name.hpp"

namespace leakline::debuginfo {

namespace {

constexpr int kDeepestEntry = 64;  // of nested entries; deeper is damage
constexpr std::uint64_t kHashStart = 14695981039346656037u;
constexpr const char* kAnonymous = "(anonymous namespace)";

// FNV-1a (Fowler, Noll, Vo) over what two spellings of a name have in common: compilers and demanglers set spaces differently.
std::uint64_t hash_with(std::uint64_t hash, std::string_view name) {
    for (const char c : name)
        if (c != ' ') hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return (hash ^ ':') * 1099511628211u;
}

bool has(Dwarf_Die& die, unsigned attribute) { return ::dwarf_hasattr(&die, attribute) != 0; }

bool is_class(int tag) { return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type; }

bool holds_entries(int tag) { return tag == DW_TAG_compile_unit || tag == DW_TAG_partial_unit || tag == DW_TAG_type_unit; }

// For a definition outside of its class, the declaration inside.
bool follow_specification(Dwarf_Die& die, Dwarf_Die& declaration) {
    Dwarf_Attribute attribute;
    return ::dwarf_attr(&die, DW_AT_specification, &attribute) != nullptr && ::dwarf_formref_die(&attribute, &declaration) != nullptr;
}

}  // namespace

ModuleIndex::ModuleIndex(Dwarf* debug_info) : debug_info_(debug_info) { read_units(Inside::namespaces); }

void ModuleIndex::read_units(Inside inside) {
    Dwarf_CU* unit = nullptr;
    Dwarf_Half version = 0;
    std::uint8_t kind = 0;
    Dwarf_Die die;
    while (::dwarf_get_units(debug_info_, unit, &unit, &version, &kind, &die, nullptr) == 0)
        if (holds_entries(::dwarf_tag(&die))) read_children(die, kNone, inside, 0);
}

void ModuleIndex::read_children(Dwarf_Die& die, std::uint32_t scope, Inside inside, int depth) {
    Dwarf_Die child;
    if (depth > kDeepestEntry || ::dwarf_child(&die, &child) != 0) return;
    for (bool more = true; more;) {
        const std::size_t first_scope = scopes_.size();
        const int tag = ::dwarf_tag(&child);
        switch (tag) {
            case DW_TAG_namespace:
                if (inside == Inside::namespaces) {
                    const char* name = ::dwarf_diename(&child);
                    const std::uint64_t outer = scope == kNone ? kHashStart : scopes_[scope].hash;
                    const std::string_view text = name == nullptr ? kAnonymous : name;
                    const bool plain = name == nullptr || !scopes_of(text).empty();  // not __cxx11
                    scopes_.push_back({::dwarf_dieoffset(&child), 0, scope, name, plain ? hash_with(outer, text) : outer});
                }
                read_children(child, inside == Inside::namespaces ? static_cast<std::uint32_t>(first_scope) : scope, inside, depth + 1);
                break;
            case DW_TAG_structure_type:
            case DW_TAG_class_type:
            case DW_TAG_union_type:
                if (inside == Inside::namespaces) add_class(child, scope);
                break;
            case DW_TAG_variable: add_variable(child); break;
            case DW_TAG_subprogram:
            case DW_TAG_lexical_block:
                if (inside == Inside::functions) read_children(child, scope, inside, depth + 1);
                break;
            default: break;
        }
        Dwarf_Die next;
        more = ::dwarf_siblingof(&child, &next) == 0;
        // The last child of each ends where its parent does, which the level above knows.
        if (more)
            for (std::size_t i = first_scope; i < scopes_.size(); ++i)
                if (scopes_[i].end == 0) scopes_[i].end = ::dwarf_dieoffset(&next);
        child = next;
    }
    if (depth != 0) return;
    Dwarf_Off size = 0;
    Dwarf_Die unit;
    ::dwarf_cu_die(die.cu, &unit, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    Dwarf_Off next_unit = 0;
    std::size_t header = 0;
    const Dwarf_Off start = ::dwarf_dieoffset(&unit) - ::dwarf_cuoffset(&unit);
    if (::dwarf_nextcu(debug_info_, start, &next_unit, &header, nullptr, nullptr, nullptr) == 0) size = next_unit;
    for (std::size_t i = scopes_.size(); i-- > 0 && scopes_[i].begin >= start;)
        if (scopes_[i].end == 0) scopes_[i].end = size;
}

void ModuleIndex::add_class(Dwarf_Die& die, std::uint32_t scope) {
    const char* name = ::dwarf_diename(&die);
    if (name == nullptr) return;
    Dwarf_Die declaration;
    std::uint64_t hash = scope == kNone ? kHashStart : scopes_[scope].hash;
    if (follow_specification(die, declaration)) {
        const std::uint32_t outer = scope_around(::dwarf_dieoffset(&declaration));
        hash = outer == kNone ? kHashStart : scopes_[outer].hash;
    }
    hash = hash_with(hash, name);
    // Also of a mere declaration: what is nested in it has it in its name.
    scopes_.push_back({::dwarf_dieoffset(&die), 0, scope, name, hash});
    if (!has(die, DW_AT_declaration)) classes_.try_emplace(hash, ::dwarf_dieoffset(&die));
}

void ModuleIndex::add_variable(Dwarf_Die& die) {
    Dwarf_Attribute attribute;
    if (::dwarf_attr(&die, DW_AT_location, &attribute) == nullptr) return;
    Dwarf_Op* operations = nullptr;
    std::size_t count = 0;
    if (::dwarf_getlocation(&attribute, &operations, &count) != 0 || count == 0) return;
    const auto value = [&](Dwarf_Op& operation) -> std::optional<std::uint64_t> {
        if (operation.atom == DW_OP_addr || operation.atom == DW_OP_const8u || operation.atom == DW_OP_const4u) return operation.number;
        if (operation.atom != DW_OP_addrx && operation.atom != DW_OP_constx && operation.atom != DW_OP_GNU_addr_index &&
            operation.atom != DW_OP_GNU_const_index)
            return std::nullopt;
        Dwarf_Attribute indirect;
        Dwarf_Addr address = 0;
        if (::dwarf_getlocation_attr(&attribute, &operation, &indirect) != 0 || ::dwarf_formaddr(&indirect, &address) != 0)
            return std::nullopt;
        return address;
    };
    const std::optional<std::uint64_t> place = value(operations[0]);
    if (!place) return;
    const bool thread_local_one =
        count == 2 && (operations[1].atom == DW_OP_form_tls_address || operations[1].atom == DW_OP_GNU_push_tls_address);
    if (count == 1)
        variables_.try_emplace(*place, ::dwarf_dieoffset(&die));
    else if (thread_local_one)
        thread_locals_.try_emplace(*place, ::dwarf_dieoffset(&die));
}

std::uint32_t ModuleIndex::scope_around(Dwarf_Off offset) const {
    auto after =
        std::upper_bound(scopes_.begin(), scopes_.end(), offset, [](Dwarf_Off at, const Scope& scope) { return at < scope.begin; });
    while (after != scopes_.begin()) {
        --after;
        // end 0: it is being read, so it ends later.
        if (after->begin < offset && (after->end == 0 || offset < after->end)) return static_cast<std::uint32_t>(after - scopes_.begin());
        // Skip to the enclosing scope: siblings before it cannot contain the offset.
        if (after->parent == kNone) return kNone;
        after = scopes_.begin() + after->parent + 1;
    }
    return kNone;
}

std::optional<Dwarf_Off> ModuleIndex::class_within(Dwarf_Off outer, std::string_view name) {
    Dwarf_Die die, child;
    if (::dwarf_offdie(debug_info_, outer, &die) == nullptr || ::dwarf_child(&die, &child) != 0) return std::nullopt;
    do {
        const char* found = is_class(::dwarf_tag(&child)) ? ::dwarf_diename(&child) : nullptr;
        if (found != nullptr && !has(child, DW_AT_declaration) && hash_with(0, found) == hash_with(0, name))
            return ::dwarf_dieoffset(&child);
    } while (::dwarf_siblingof(&child, &child) == 0);
    return std::nullopt;
}

std::optional<Dwarf_Off> ModuleIndex::class_named(std::string_view name) {
    const std::vector<std::string_view> scopes = scopes_of(name);
    std::uint64_t outer = kHashStart, whole = kHashStart;
    for (const std::string_view scope : scopes) whole = hash_with(outer = whole, scope);
    const auto found = classes_.find(whole);
    if (found != classes_.end()) return found->second;
    // A class within another, which each unit describes as far as it knows it: one of them has the definition.
    if (scopes.size() < 2) return std::nullopt;
    for (const Scope& scope : scopes_) {
        if (scope.hash != outer) continue;
        if (const auto inner = class_within(scope.begin, scopes.back())) return inner;
    }
    return std::nullopt;
}

std::optional<Dwarf_Off> ModuleIndex::variable_in(const Variables& variables, std::uint64_t place) {
    auto found = variables.find(place);
    if (found == variables.end() && !functions_read_) {
        functions_read_ = true;
        read_units(Inside::functions);
        found = variables.find(place);
    }
    return found == variables.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Dwarf_Off> ModuleIndex::variable_at(std::uint64_t address) { return variable_in(variables_, address); }
std::optional<Dwarf_Off> ModuleIndex::thread_local_at(std::uint64_t offset) { return variable_in(thread_locals_, offset); }

std::string ModuleIndex::scope_name(std::uint32_t scope) const {
    std::string name;
    for (int depth = 0; scope != kNone && depth < kDeepestEntry; ++depth, scope = scopes_[scope].parent) {
        const char* own = scopes_[scope].name == nullptr ? kAnonymous : scopes_[scope].name;
        name = own + (name.empty() ? "" : "::" + name);
    }
    return name;
}

std::string ModuleIndex::full_name(Dwarf_Die& die) {
    const char* own = ::dwarf_diename(&die);
    if (own == nullptr) return {};
    Dwarf_Die declaration = die;
    follow_specification(die, declaration);
    const std::string outer = scope_name(scope_around(::dwarf_dieoffset(&declaration)));
    return outer.empty() ? own : outer + "::" + own;
}

}  // namespace leakline::debuginfo
