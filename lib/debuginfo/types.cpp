// Reads types: each when it is first looked at, so that a program's thousands of others cost nothing.
#include <dwarf.h>

#include <algorithm>

#include "debuginfo/internal/state.hpp"
#include "debuginfo/type_name.hpp"

namespace leakline::debuginfo {

namespace {

constexpr int kMaxTypedefs = 64;           // of one another; more is a ring
constexpr std::size_t kMaxMembers = 4096;  // of one class

bool is_alias(int tag) {
    return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type || tag == DW_TAG_restrict_type ||
           tag == DW_TAG_atomic_type || tag == DW_TAG_template_alias;
}

bool is_structure(int tag) { return tag == DW_TAG_structure_type || tag == DW_TAG_class_type; }

bool referred(Dwarf_Die& die, Dwarf_Die& to) {
    Dwarf_Attribute attribute;
    return ::dwarf_attr_integrate(&die, DW_AT_type, &attribute) != nullptr && ::dwarf_formref_die(&attribute, &to) != nullptr;
}

// What a chain of typedefs and qualifiers stands for; nothing where it has no end.
std::optional<Dwarf_Die> without_aliases(Dwarf_Die die) {
    for (int i = 0; is_alias(::dwarf_tag(&die)); ++i) {
        Dwarf_Die next;
        if (i == kMaxTypedefs || !referred(die, next)) return std::nullopt;
        die = next;
    }
    return die;
}

std::optional<std::uint64_t> number(Dwarf_Die& die, unsigned name) {
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (::dwarf_attr_integrate(&die, name, &attribute) == nullptr || ::dwarf_formudata(&attribute, &value) != 0) return std::nullopt;
    return value;
}

bool has_member(Dwarf_Die& structure) {
    Dwarf_Die child;
    if (::dwarf_child(&structure, &child) != 0) return false;
    do
        if (::dwarf_tag(&child) == DW_TAG_member) return true;
    while (::dwarf_siblingof(&child, &child) == 0);
    return false;
}

std::uint64_t size_of(Dwarf_Die& die) {
    Dwarf_Word size = 0;
    return ::dwarf_aggregate_size(&die, &size) == 0 ? size : 0;
}

}  // namespace

TypeId DebugInfo::State::add(Type type) {
    types.push_back(std::move(type));
    pending.emplace_back();
    read.push_back(true);
    return static_cast<TypeId>(types.size() - 1);
}

TypeId DebugInfo::State::type_of(std::size_t module, Dwarf_Die& die) {
    auto real = without_aliases(die);
    if (!real) return 0;
    const auto [place, fresh] = ids[module].try_emplace(::dwarf_dieoffset(&*real), 0);
    if (!fresh) return place->second;
    const auto id = static_cast<TypeId>(types.size());
    place->second = id;
    types.emplace_back();
    pending.emplace_back(module, ::dwarf_dieoffset(&*real));
    read.push_back(false);
    return id;
}

TypeId DebugInfo::State::type_attribute(std::size_t module, Dwarf_Die& die) {
    Dwarf_Die type;
    return referred(die, type) ? type_of(module, type) : 0;
}

void DebugInfo::State::read_type(TypeId id) {
    read[id] = true;
    const auto [module, place] = pending[id];
    Dwarf_Die die;
    if (::dwarf_offdie(debug_info_of(modules[module]), place, &die) == nullptr) return;
    // A local one: types grows meanwhile.
    Type type;
    const int tag = ::dwarf_tag(&die);
    type.size = size_of(die);
    if (tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type) {
        type.kind = Type::Kind::pointer;
        type.size = sizeof(std::uint64_t);
        type.target = type_attribute(module, die);
    } else if (is_structure(tag) || tag == DW_TAG_union_type) {
        type.kind = tag == DW_TAG_union_type ? Type::Kind::union_ : Type::Kind::structure;
        const std::string name = index_of(modules[module]) != nullptr ? modules[module].index->full_name(die) : std::string{};
        type.name = short_type_name(name);
        if (::dwarf_hasattr(&die, DW_AT_declaration) != 0) {
            type.kind = Type::Kind::unknown;
            // Defined in another unit, perhaps of another file.
            for (std::size_t i = 0; i < modules.size() && type.kind == Type::Kind::unknown && !name.empty(); ++i) {
                const std::size_t other = i == 0 ? module : i <= module ? i - 1 : i;
                ModuleIndex* const index = index_of(modules[other]);
                const auto found = index == nullptr ? std::nullopt : index->class_named(name);
                Dwarf_Die definition;
                if (!found || ::dwarf_offdie(debug_info_of(modules[other]), *found, &definition) == nullptr) continue;
                type.kind = ::dwarf_tag(&definition) == DW_TAG_union_type ? Type::Kind::union_ : Type::Kind::structure;
                type.size = size_of(definition);
                read_structure(type, other, definition);
            }
        } else {
            read_structure(type, module, die);
        }
    } else if (tag == DW_TAG_array_type) {
        type.kind = Type::Kind::array;
        read_array(type, module, die);
    } else if (tag == DW_TAG_base_type || tag == DW_TAG_enumeration_type) {
        type.kind = Type::Kind::scalar;
        if (const char* name = ::dwarf_diename(&die)) type.name = name;
    }
    types[id] = std::move(type);
}

// The alternatives of an enumeration of Rust that hold something. A single one (Option) is a member without a name; of several only one is there at a
// time, as in a union.
void DebugInfo::State::read_variants(Type& type, std::size_t module, Dwarf_Die& part) {
    Dwarf_Die variant, member, payload;
    if (::dwarf_child(&part, &variant) != 0) return;
    std::vector<Member> filled;
    do {
        if (::dwarf_tag(&variant) != DW_TAG_variant || ::dwarf_child(&variant, &member) != 0) continue;
        do {
            if (::dwarf_tag(&member) != DW_TAG_member || !referred(member, payload) || !has_member(payload)) continue;
            filled.push_back({"", number(member, DW_AT_data_member_location).value_or(0), type_attribute(module, member), false});
        } while (filled.size() < kMaxMembers && ::dwarf_siblingof(&member, &member) == 0);
    } while (filled.size() < kMaxMembers && ::dwarf_siblingof(&variant, &variant) == 0);
    if (filled.size() > 1) type.kind = Type::Kind::union_;
    if (filled.size() == 1) type.members.push_back(std::move(filled.front()));
}

void DebugInfo::State::read_structure(Type& type, std::size_t module, Dwarf_Die& die) {
    Dwarf_Die child;
    if (::dwarf_child(&die, &child) != 0) return;
    std::vector<Member> bases;
    do {
        const int tag = ::dwarf_tag(&child);
        if (tag == DW_TAG_template_type_parameter) {
            type.arguments.push_back(type_attribute(module, child));
            continue;
        }
        if (tag == DW_TAG_GNU_template_parameter_pack) {
            Dwarf_Die argument;
            if (::dwarf_child(&child, &argument) == 0) do
                    if (::dwarf_tag(&argument) == DW_TAG_template_type_parameter)
                        type.arguments.push_back(type_attribute(module, argument));
                while (type.arguments.size() < kMaxMembers && ::dwarf_siblingof(&argument, &argument) == 0);
            continue;
        }
        if (tag == DW_TAG_variant_part) read_variants(type, module, child);
        if (tag != DW_TAG_member && tag != DW_TAG_inheritance) continue;
        const bool is_static = ::dwarf_hasattr(&child, DW_AT_external) != 0 || ::dwarf_hasattr(&child, DW_AT_declaration) != 0;
        if (is_static || ::dwarf_hasattr(&child, DW_AT_bit_size) != 0 || ::dwarf_hasattr(&child, DW_AT_data_bit_offset) != 0) continue;
        const char* name = ::dwarf_diename(&child);
        auto offset = number(child, DW_AT_data_member_location);
        if (!offset && ::dwarf_hasattr(&child, DW_AT_data_member_location) != 0) continue;  // a virtual base class: known at run time only
        if (name != nullptr && std::string_view(name).starts_with("_vptr")) {
            type.polymorphic = type.polymorphic || offset.value_or(0) == 0;
            continue;
        }
        Member member;
        member.name = name == nullptr ? "" : name;
        member.offset = offset.value_or(0);
        member.type = type_attribute(module, child);
        member.base = tag == DW_TAG_inheritance;
        member.entry = {static_cast<std::uint32_t>(module), ::dwarf_dieoffset(&child)};
        (member.base ? bases : type.members).push_back(std::move(member));
    } while (type.members.size() < kMaxMembers && ::dwarf_siblingof(&child, &child) == 0);
    type.members.insert(type.members.begin(), bases.begin(), bases.end());
}

void DebugInfo::State::read_array(Type& type, std::size_t module, Dwarf_Die& die) {
    type.target = type_attribute(module, die);
    Dwarf_Die element;
    if (!referred(die, element)) return;
    auto real = without_aliases(element);
    const std::uint64_t each = real ? size_of(*real) : 0;
    type.count = each == 0 ? 0 : type.size / each;
}

const Type& DebugInfo::type(TypeId id) {
    State& state = *state_;
    if (id >= state.types.size()) return state.types[0];
    if (!state.read[id]) {
        state.read_type(id);
        const std::vector<Member> members = state.types[id].members;
        for (const Member& member : members)
            if (member.base && member.offset == 0 && type(member.type).polymorphic) state.types[id].polymorphic = true;
    }
    return state.types[id];
}

TypeId DebugInfo::pointer_to(TypeId target) {
    const auto found = state_->pointers.find(target);
    if (found != state_->pointers.end()) return found->second;
    Type pointer;
    pointer.kind = Type::Kind::pointer;
    pointer.size = sizeof(std::uint64_t);
    pointer.target = target;
    return state_->pointers[target] = state_->add(std::move(pointer));
}

TypeId DebugInfo::structure_of(std::string name, std::uint64_t size, std::vector<Member> members) {
    Type structure;
    structure.kind = Type::Kind::structure;
    structure.name = std::move(name);
    structure.size = size;
    structure.members = std::move(members);
    return state_->add(std::move(structure));
}

TypeId DebugInfo::type_named(const std::string& name) {
    State& state = *state_;
    const auto known = state.named.find(name);
    if (known != state.named.end()) return known->second;
    TypeId id = 0;
    for (std::size_t i = 0; i < state.modules.size() && id == 0; ++i) {
        ModuleIndex* const index = state.index_of(state.modules[i]);
        const auto place = index == nullptr ? std::nullopt : index->class_named(name);
        Dwarf_Die die;
        if (place && ::dwarf_offdie(state.debug_info_of(state.modules[i]), *place, &die) != nullptr) id = state.type_of(i, die);
    }
    return state.named[name] = id;
}

}  // namespace leakline::debuginfo
