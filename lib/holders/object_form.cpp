#include "holders/internal/object_form.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "debuginfo/type_name.hpp"

namespace leakline::holders {

using debuginfo::Type;
using debuginfo::TypeId;

namespace {

constexpr int kDeepestStructure = 24;        // of structures within structures
constexpr std::size_t kMaxPlaces = 1 << 16;  // in one type
constexpr std::uint64_t kNamedWords = 512;   // an unknown object up to that size has its words named
constexpr std::uint64_t kSlack = 24;         // malloc rounds up by less

std::size_t places_of(const ObjectForm& form) { return form.owners.size() + form.pointers.size() + form.words.size(); }

}  // namespace

std::string ObjectForms::name_of(TypeId type) {
    std::string stars;
    while (names_.type(type).kind == Type::Kind::pointer && stars.size() < 4) {
        type = names_.type(type).target;
        stars += '*';
    }
    const std::string& name = names_.type(type).name;
    return name.empty() ? name : name + stars;
}

void ObjectForms::add_place(ObjectForm& form, std::uint64_t offset, TypeId type, FormMember::Kind kind, const Named& named) {
    if (places_of(form) >= kMaxPlaces) return;
    const auto found = std::find_if(form.members.begin(), form.members.end(),
                                    [&](const FormMember& member) { return member.path == named.path && member.kind == kind; });
    const Place place{offset, type, static_cast<std::size_t>(found - form.members.begin())};
    if (found == form.members.end()) form.members.push_back({named.path, type, name_of(type), kind, named.entry});
    const bool plain = names_.type(type).kind == Type::Kind::pointer;
    (kind == FormMember::Kind::words ? form.words : plain ? form.pointers : form.owners).push_back(place);
}

void ObjectForms::add_words(ObjectForm& form, std::uint64_t begin, std::uint64_t end, const Named& named) {
    for (std::uint64_t at = (begin + 7) / 8 * 8; at + 8 <= end; at += 8) add_place(form, at, 0, FormMember::Kind::words, named);
}

void ObjectForms::add_places(ObjectForm& form, TypeId id, std::uint64_t offset, const Named& named, int depth) {
    if (depth > kDeepestStructure || places_of(form) >= kMaxPlaces) return;
    const Type type = names_.type(id);
    if (type.kind == Type::Kind::scalar) return;
    const Containers::Kind container = containers_.kind(id);
    if (container != Containers::Kind::none) {
        const FormMember::Kind kind = container == Containers::Kind::sequence ? FormMember::Kind::container
                                      : container == Containers::Kind::text   ? FormMember::Kind::text
                                                                              : FormMember::Kind::pointer;
        add_place(form, offset, id, kind, named);
    } else if (type.kind == Type::Kind::pointer) {
        add_place(form, offset, id, FormMember::Kind::pointer, named);
    } else if (type.kind == Type::Kind::array) {
        const std::uint64_t each = names_.type(type.target).size;
        for (std::uint64_t i = 0; i < type.count && each != 0 && places_of(form) < kMaxPlaces; ++i)
            add_places(form, type.target, offset + i * each, {named.path + "[]", named.entry}, depth + 1);
    } else if (type.kind == Type::Kind::structure) {
        for (const auto& member : type.members) {
            // Those of the standard library's own are not what its users call them.
            const bool shown = !member.base && !member.name.empty() && !member.name.starts_with("_M_") && !member.name.starts_with("__");
            const Named inner = {named.path + (named.path.empty() ? "" : ".") + member.name, member.entry};
            add_places(form, member.type, offset + member.offset, shown ? inner : named, depth + 1);
        }
    } else {  // unions, and what is only declared
        // The value of a std::optional.
        const auto value = std::find_if(type.members.begin(), type.members.end(),
                                        [](const auto& member) { return member.name == "_M_value" || member.name == "__val_"; });
        if (value != type.members.end())
            add_places(form, value->type, offset + value->offset, named, depth + 1);
        else
            add_words(form, offset, offset + type.size, named);
    }
}

const ObjectForm& ObjectForms::form_of(TypeId type, std::uint64_t size) {
    const auto [known, fresh] = forms_.try_emplace({type, type == 0 ? size : 0});
    ObjectForm& form = known->second;
    if (!fresh) return form;
    if (type != 0) {
        add_places(form, type, 0, {}, 0);
    } else if (size <= kNamedWords) {
        for (std::uint64_t at = 0; at + 8 <= size; at += 8) add_place(form, at, 0, FormMember::Kind::words, {fmt::format("+{:#x}", at)});
    } else {
        form.members.push_back({{}, 0, {}, FormMember::Kind::words, {}});
        form.all_words = true;
    }
    return form;
}

const ObjectForms::Class& ObjectForms::class_of(std::uint64_t object) {
    static const Class kNone;
    const std::uint64_t table = image_.word(object).value_or(0);
    if (!names_.covers(table)) return kNone;  // most words are no tables: those are not kept
    const auto [known, fresh] = classes_.try_emplace(table);
    Class& found = known->second;
    if (!fresh) return found;
    found.name = names_.class_of_vtable(table).value_or("");
    if (found.name.empty()) return found;
    found.type = names_.type_named(found.name);
    find_shared(found);
    return found;
}

// By the name: compilers spell the other arguments in debug information differently. Before the object, or the pointer, are the table and two
// counters (bits/shared_ptr_base.h; of libc++ __memory/shared_ptr.h, where they are words).
void ObjectForms::find_shared(Class& found) {
    struct Row {
        std::string_view name;
        std::uint64_t at;
        bool by_pointer;
    };
    static constexpr Row kRows[] = {
        {"std::_Sp_counted_ptr_inplace<", 16, false},
        {"std::_Sp_counted_ptr<", 16, true},
        {"std::__1::__shared_ptr_emplace<", 24, false},
        {"std::__1::__shared_ptr_pointer<", 24, true},
    };
    const auto* const row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& each) { return found.name.starts_with(each.name); });
    if (row == std::end(kRows)) return;
    std::string_view object = debuginfo::first_argument_of(found.name);
    if (row->by_pointer && object.ends_with('*')) object.remove_suffix(1);
    found.shared_name = debuginfo::short_type_name(object);
    found.shared = names_.type_named(std::string(object));
    found.shared_at = row->at;
    found.shared_by_pointer = row->by_pointer;
}

ObjectForms::Element ObjectForms::element_of(TypeId container, std::uint64_t object) {
    Element element{containers_.element(container), object};
    if (containers_.kind(container) != Containers::Kind::one || !names_.type(element.type).polymorphic) return element;
    const TypeId dynamic = dynamic_type(object);
    if (dynamic == 0) return element;
    element.type = dynamic;
    // A pointer to a second base class leads to the object's middle.
    const BlockId block = index_.find(object);
    if (block != kNoBlock && index_[block].address != object && dynamic_type(index_[block].address) == dynamic)
        element.address = index_[block].address;
    return element;
}

Pointed ObjectForms::pointed(TypeId pointer, std::uint64_t object, const Block& block) {
    const TypeId target = pointer == 0 ? 0 : names_.type(pointer).target;
    const Type::Kind kind = names_.type(target).kind;
    const std::uint64_t size = names_.type(target).size, room = block.end() - object;
    // An object of a derived class, or of any where only the table says what it is. A pointer to a second base class leads to its middle.
    if (kind == Type::Kind::unknown || kind == Type::Kind::structure)
        if (const Class& dynamic = class_of(block.address); !dynamic.name.empty()) {
            if (dynamic.shared != 0 && !dynamic.shared_by_pointer)
                return {Pointed::Kind::derived, dynamic.shared, block.address + dynamic.shared_at, 0, 1};
            if (dynamic.type != 0) return {Pointed::Kind::derived, dynamic.type, block.address, 0, 1};
        }
    if (kind == Type::Kind::unknown || kind == Type::Kind::union_ || size == 0) return {Pointed::Kind::unknown, 0, block.address, 0, 1};
    const std::uint64_t count = std::max<std::uint64_t>(room / size, 1);
    if (kind == Type::Kind::scalar) return {Pointed::Kind::numbers, target, object, size, count};
    if (kind == Type::Kind::pointer) return {Pointed::Kind::pointers, target, object, size, room / size};
    const bool array = object == block.address && count > 1 && room - count * size < kSlack;
    return {array ? Pointed::Kind::array : Pointed::Kind::object, target, object, size, array ? count : 1};
}

const std::vector<std::uint64_t>& ObjectForms::links_of(TypeId type) {
    const auto [known, fresh] = links_.try_emplace(type);
    std::vector<std::uint64_t>& links = known->second;
    if (!fresh) return links;
    const std::string name = names_.type(type).name;
    const std::vector<debuginfo::Member> members = names_.type(type).members;
    for (const auto& member : members) {
        const Type pointer = names_.type(member.type);
        const bool owns = containers_.kind(member.type) == Containers::Kind::one && containers_.element(member.type) == type;
        const bool points =
            pointer.kind == Type::Kind::pointer && (pointer.target == type || (!name.empty() && names_.type(pointer.target).name == name));
        if (owns || points) links.push_back(member.offset);
    }
    return links;
}

}  // namespace leakline::holders
