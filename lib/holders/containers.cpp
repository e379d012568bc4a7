#include "holders/internal/containers.hpp"

#include <algorithm>

namespace leakline::holders {

using debuginfo::Type;
using debuginfo::TypeId;

namespace {

constexpr std::uint64_t kNotFound = ~std::uint64_t{0};
constexpr int kDeepestMember = 12;  // of members within members
constexpr std::uint64_t kDequeChunk = 512;

}  // namespace

struct ContainerRow {
    std::string_view name;  // what the type's name begins with
    Containers::Kind kind;
    Containers::Read read;
    std::string_view member;       // its first own member; empty: at the start
    std::uint64_t node;            // bytes of a node before the element
    bool pair;                     // the element is a key and a value
    std::string_view length = {};  // the member with its length, where that is not at a fixed place
    std::string_view inner = {};   // the type within it whose first argument is the element, where its own is not
};

namespace {

using Kind = Containers::Kind;

}  // namespace

std::uint64_t Containers::offset_of(TypeId type, std::string_view member, int depth) {
    if (depth > kDeepestMember) return kNotFound;
    const std::vector<debuginfo::Member> members = names_.type(type).members;
    for (const auto& each : members) {
        if (each.name == member) return each.offset;
        if (names_.type(each.type).kind != Type::Kind::structure) continue;
        const std::uint64_t inner = offset_of(each.type, member, depth + 1);
        if (inner != kNotFound) return each.offset + inner;
    }
    return kNotFound;
}

std::uint64_t Containers::first_pointer(TypeId type, int depth) {
    if (names_.type(type).kind == Type::Kind::pointer) return 0;
    if (depth > kDeepestMember) return kNotFound;
    const std::vector<debuginfo::Member> members = names_.type(type).members;
    std::uint64_t best = kNotFound;
    // A stateful deleter may come first in the source, but the pointer is what the standard's tuple names 0: the one with its member there.
    for (const auto& each : members) {
        const std::uint64_t inner = first_pointer(each.type, depth + 1);
        if (inner != kNotFound) best = std::min(best, each.offset + inner);
    }
    return best;
}

std::uint64_t Containers::alignment_of(TypeId type, int depth) {
    const Type::Kind kind = names_.type(type).kind;
    const std::uint64_t size = names_.type(type).size;
    if (kind == Type::Kind::scalar) return std::clamp<std::uint64_t>(size, 1, 16);
    if (kind == Type::Kind::array) return alignment_of(names_.type(type).target, depth + 1);
    if (kind == Type::Kind::pointer || depth > kDeepestMember) return 8;
    const std::vector<debuginfo::Member> members = names_.type(type).members;
    std::uint64_t alignment = kind == Type::Kind::unknown ? 8 : 1;
    for (const auto& member : members) alignment = std::max(alignment, alignment_of(member.type, depth + 1));
    return alignment;
}

TypeId Containers::pair_of(TypeId first, TypeId second) {
    const std::uint64_t alignment = std::max<std::uint64_t>(alignment_of(second), 1);
    const std::uint64_t at = (size_of(first) + alignment - 1) / alignment * alignment;
    const std::uint64_t whole = std::max(alignment, alignment_of(first));
    const std::uint64_t size = (at + size_of(second) + whole - 1) / whole * whole;
    return names_.structure_of("std::pair<" + names_.type(first).name + ", " + names_.type(second).name + ">", size,
                               {{"first", 0, first, false}, {"second", at, second, false}});
}

const ContainerPlan& Containers::plan(TypeId type) {
    const auto known = plans_.find(type);
    if (known != plans_.end()) return known->second;
    static constexpr std::string_view kRustTable = "hashbrown::raw::RawTable<";
    static constexpr ContainerRow kRows[] = {
        {"std::vector<bool", Kind::text, &Containers::read_bits, "_M_start", 0, false},
        {"std::vector<", Kind::sequence, &Containers::read_vector, "_M_start", 0, false},
        {"std::list<", Kind::sequence, &Containers::read_list, "_M_node", 16, false},
        {"std::forward_list<", Kind::sequence, &Containers::read_forward_list, "_M_head", 8, false},
        {"std::map<", Kind::sequence, &Containers::read_tree, "_M_header", 32, true},
        {"std::multimap<", Kind::sequence, &Containers::read_tree, "_M_header", 32, true},
        {"std::set<", Kind::sequence, &Containers::read_tree, "_M_header", 32, false},
        {"std::multiset<", Kind::sequence, &Containers::read_tree, "_M_header", 32, false},
        {"std::unordered_map<", Kind::sequence, &Containers::read_hash, "_M_buckets", 8, true},
        {"std::unordered_multimap<", Kind::sequence, &Containers::read_hash, "_M_buckets", 8, true},
        {"std::unordered_set<", Kind::sequence, &Containers::read_hash, "_M_buckets", 8, false},
        {"std::unordered_multiset<", Kind::sequence, &Containers::read_hash, "_M_buckets", 8, false},
        {"std::deque<", Kind::sequence, &Containers::read_deque, "_M_map", 0, false},
        {"std::string", Kind::text, &Containers::read_string, "_M_p", 0, false},
        {"std::basic_string<", Kind::text, &Containers::read_string, "_M_p", 0, false},
        {"std::unique_ptr<", Kind::one, &Containers::read_unique, "", 0, false},
        {"std::shared_ptr<", Kind::one, &Containers::read_shared, "_M_ptr", 0, false},
        {"std::__shared_ptr<", Kind::one, &Containers::read_shared, "_M_ptr", 0, false},
        {"std::vector<bool", Kind::text, &Containers::read_llvm_bits, "__begin_", 0, false},
        {"std::vector<", Kind::sequence, &Containers::read_vector, "__begin_", 0, false},
        {"std::list<", Kind::sequence, &Containers::read_list, "__end_", 16, false},
        {"std::forward_list<", Kind::sequence, &Containers::read_forward_list, "__before_begin_", 8, false},
        {"std::map<", Kind::sequence, &Containers::read_llvm_tree, "__begin_node_", 25, true},
        {"std::multimap<", Kind::sequence, &Containers::read_llvm_tree, "__begin_node_", 25, true},
        {"std::set<", Kind::sequence, &Containers::read_llvm_tree, "__begin_node_", 25, false},
        {"std::multiset<", Kind::sequence, &Containers::read_llvm_tree, "__begin_node_", 25, false},
        {"std::unordered_map<", Kind::sequence, &Containers::read_hash, "__bucket_list_", 16, true},
        {"std::unordered_multimap<", Kind::sequence, &Containers::read_hash, "__bucket_list_", 16, true},
        {"std::unordered_set<", Kind::sequence, &Containers::read_hash, "__bucket_list_", 16, false},
        {"std::unordered_multiset<", Kind::sequence, &Containers::read_hash, "__bucket_list_", 16, false},
        {"std::deque<", Kind::sequence, &Containers::read_llvm_deque, "__map_", 0, false},
        {"std::string", Kind::text, &Containers::read_llvm_string, "__r_", 0, false},
        {"std::basic_string<", Kind::text, &Containers::read_llvm_string, "__r_", 0, false},
        {"std::shared_ptr<", Kind::one, &Containers::read_shared, "__ptr_", 0, false},
        {"alloc::vec::Vec<", Kind::sequence, &Containers::read_rust_vector, "", 0, false, "len"},
        {"alloc::string::String", Kind::text, &Containers::read_rust_vector, "", 0, false, "len"},
        {"std::collections::hash::map::HashMap<", Kind::sequence, &Containers::read_rust_table, "ctrl", 0, false, "bucket_mask",
         kRustTable},
        {"std::collections::hash::set::HashSet<", Kind::sequence, &Containers::read_rust_table, "ctrl", 0, false, "bucket_mask",
         kRustTable},
        {"alloc::sync::Arc<", Kind::one, &Containers::read_rust_counted, "", 16, false},
        {"alloc::rc::Rc<", Kind::one, &Containers::read_rust_counted, "", 16, false},
    };
    ContainerPlan plan;
    const Type whole = names_.type(type);
    const bool can_be_one = whole.kind == Type::Kind::structure && !whole.name.starts_with("std::string_view");
    const auto start_of = [&](const ContainerRow& row) { return row.member.empty() ? first_pointer(type) : offset_of(type, row.member); };
    const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const ContainerRow& each) {
        return can_be_one && whole.name.starts_with(each.name) && start_of(each) != kNotFound;
    });
    if (row != std::end(kRows)) {
        const std::vector<TypeId> arguments = row->inner.empty() ? whole.arguments : names_.type(type_within(type, row->inner)).arguments;
        const auto argument = [&](std::size_t i) { return i < arguments.size() ? arguments[i] : 0; };
        plan.element = row->pair ? pair_of(argument(0), argument(1)) : argument(0);
        plan.element_size = size_of(plan.element);
        const std::uint64_t alignment = std::max<std::uint64_t>(alignment_of(plan.element), 1);
        plan.element_at = (row->node + alignment - 1) / alignment * alignment;
        const Type& element = names_.type(plan.element);
        if (element.kind == Type::Kind::array && row->kind == Kind::one) {
            plan.array = true;
            plan.element = element.target;
            plan.element_size = size_of(plan.element);
        }
        plan.plain = names_.type(plan.element).kind == Type::Kind::scalar;
        plan.start = start_of(*row);
        plan.length = row->length.empty() ? 0 : offset_of(type, row->length) - plan.start;
        plan.kind = row->kind;
        plan.read = row->read;
    }
    return plans_[type] = plan;
}

Containers::Kind Containers::kind(TypeId type) { return plan(type).kind; }
TypeId Containers::element(TypeId type) { return plan(type).element; }

bool Containers::holds_numbers(TypeId type) {
    const ContainerPlan& found = plan(type);
    if (found.kind == Kind::text) return true;
    const bool only_elements =
        found.read == &Containers::read_vector || found.read == &Containers::read_unique || found.read == &Containers::read_rust_vector;
    return only_elements && found.plain && found.element_size > 1;
}

Contents Containers::read(TypeId type, std::uint64_t address, const TakeBlock& take) {
    const ContainerPlan found = plan(type);
    return found.read == nullptr ? Contents{} : (this->*found.read)(found, address + found.start, take);
}

// address: of the container's own members.
Contents Containers::read_vector(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t begin = word(address), end = word(address + 8);
    const BlockId block = index_.find(begin);
    if (block == kNoBlock || end < begin || end > index_[block].end() || !take(begin)) return contents;
    contents.used.push_back({begin, {begin, end}});
    if (plan.element_size == 0) return contents;
    contents.count = (end - begin) / plan.element_size;
    if (plan.plain) return contents;
    contents.elements.reserve(contents.count);
    for (std::uint64_t i = 0; i < contents.count; ++i) contents.elements.push_back(begin + i * plan.element_size);
    return contents;
}

Contents Containers::read_bits(const ContainerPlan&, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t begin = word(address), end = word(address + 16);  // iterators: a word's address and a number
    const BlockId block = index_.find(begin);
    if (block == kNoBlock || end < begin || end > index_[block].end() || !take(begin)) return contents;
    contents.count = (end - begin) * 8 + (word(address + 24) & 63);
    return contents;
}

Contents Containers::read_list(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    for (std::uint64_t node = word(address); node != address && take(node); node = word(node))
        contents.elements.push_back(node + plan.element_at);
    contents.count = contents.elements.size();
    return contents;
}

Contents Containers::read_forward_list(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    for (std::uint64_t node = word(address); node != 0 && take(node); node = word(node))
        contents.elements.push_back(node + plan.element_at);
    contents.count = contents.elements.size();
    return contents;
}

// children: where a node has the two.
Contents Containers::read_nodes(const ContainerPlan& plan, std::uint64_t root, std::uint64_t children, const TakeBlock& take) {
    Contents contents;
    std::vector<std::uint64_t> pending{root};
    while (!pending.empty()) {
        const std::uint64_t node = pending.back();
        pending.pop_back();
        if (node == 0 || !take(node)) continue;
        contents.elements.push_back(node + plan.element_at);
        pending.push_back(word(node + children + 8));
        pending.push_back(word(node + children));
    }
    contents.count = contents.elements.size();
    return contents;
}

Contents Containers::read_tree(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    return read_nodes(plan, word(address + 8), 16, take);
}

Contents Containers::read_llvm_tree(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    return read_nodes(plan, word(address + 8), 0, take);
}

Contents Containers::read_hash(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    take(word(address));  // the buckets; one bucket is within the object
    for (std::uint64_t node = word(address + 16); node != 0 && take(node); node = word(node))
        contents.elements.push_back(node + plan.element_at);
    contents.count = contents.elements.size();
    return contents;
}

Contents Containers::read_deque(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t map = word(address), size = plan.element_size;
    // Two iterators: current, first, last, place in the map.
    const std::uint64_t begin = word(address + 16), first_place = word(address + 40), end = word(address + 48),
                        last_place = word(address + 72);
    const BlockId block = index_.find(map);
    if (block == kNoBlock || !take(map) || first_place < map || last_place < first_place || last_place + 8 > index_[block].end() ||
        size == 0)
        return contents;
    contents.used.push_back({map, {first_place, last_place + 8}});
    const std::uint64_t in_chunk = size < kDequeChunk ? kDequeChunk / size * size : size;
    for (std::uint64_t place = first_place; place <= last_place; place += 8) {
        const std::uint64_t chunk = word(place);
        if (!take(chunk)) break;
        const std::uint64_t from = place == first_place ? begin : chunk, to = place == last_place ? end : chunk + in_chunk;
        if (from < chunk || to > chunk + in_chunk) break;
        if (to - from < in_chunk) contents.used.push_back({chunk, {from, to}});
        contents.count += (to - from) / size;
        for (std::uint64_t element = from; element + size <= to && !plan.plain; element += size) contents.elements.push_back(element);
    }
    return contents;
}

Contents Containers::read_llvm_bits(const ContainerPlan&, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t begin = word(address), bits = word(address + 8);
    const BlockId block = index_.find(begin);
    if (block == kNoBlock || bits / 8 > index_[block].end() - begin || !take(begin)) return contents;
    contents.count = bits;
    return contents;
}

Contents Containers::read_llvm_deque(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t map = word(address), first = word(address + 8), last = word(address + 16), size = plan.element_size;
    const BlockId block = index_.find(map);
    if (block == kNoBlock || !take(map) || first < map || last < first || last > index_[block].end() || size == 0) return contents;
    contents.used.push_back({map, {first, last}});
    constexpr std::uint64_t kChunk = 4096, kLeast = 16;  // bytes, elements
    const std::uint64_t in_chunk = size < kChunk / kLeast ? kChunk / size : kLeast;
    const std::uint64_t start = word(address + 32), count = word(address + 40);
    if (start > (last - first) / 8 * in_chunk || count > (last - first) / 8 * in_chunk - start) return contents;
    for (std::uint64_t place = first; place < last; place += 8) {
        const std::uint64_t chunk = word(place), before = (place - first) / 8 * in_chunk;
        // The first and the last can be kept for later.
        const std::uint64_t from = std::clamp(start, before, before + in_chunk) - before;
        const std::uint64_t to = std::clamp(start + count, before, before + in_chunk) - before;
        if (!take(chunk)) break;
        if (to - from < in_chunk) contents.used.push_back({chunk, {chunk + from * size, chunk + to * size}});
        contents.count += to - from;
        for (std::uint64_t i = from; i < to && !plan.plain; ++i) contents.elements.push_back(chunk + i * size);
    }
    return contents;
}

Contents Containers::read_text(std::uint64_t text, std::uint64_t length, const TakeBlock& take) {
    Contents contents;
    const BlockId block = index_.find(text);
    if (block == kNoBlock || text != index_[block].address || length >= index_[block].size || !take(text)) return contents;
    contents.count = length;
    contents.used.push_back({text, {text, text + length + 1}});
    return contents;
}

Contents Containers::read_string(const ContainerPlan&, std::uint64_t address, const TakeBlock& take) {
    const std::uint64_t text = word(address);
    return text == address + 16 ? Contents{} : read_text(text, word(address + 8), take);
}

Contents Containers::read_llvm_string(const ContainerPlan&, std::uint64_t address, const TakeBlock& take) {
    return (word(address) & 1) == 0 ? Contents{} : read_text(word(address + 16), word(address + 8), take);
}

TypeId Containers::type_within(TypeId type, std::string_view name, int depth) {
    if (names_.type(type).name.starts_with(name)) return type;
    if (depth > kDeepestMember || names_.type(type).kind != Type::Kind::structure) return 0;
    const std::vector<debuginfo::Member> members = names_.type(type).members;
    for (const auto& member : members)
        if (const TypeId found = type_within(member.type, name, depth + 1); found != 0) return found;
    return 0;
}

Contents Containers::read_rust_vector(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t begin = word(address), length = word(address + plan.length), size = std::max<std::uint64_t>(plan.element_size, 1);
    const BlockId block = index_.find(begin);
    if (block == kNoBlock || length > (index_[block].end() - begin) / size || !take(begin)) return contents;
    contents.used.push_back({begin, {begin, begin + length * size}});
    contents.count = length;
    if (plan.element_size == 0 || plan.plain) return contents;
    contents.elements.reserve(length);
    for (std::uint64_t i = 0; i < length; ++i) contents.elements.push_back(begin + i * size);
    return contents;
}

Contents Containers::read_rust_table(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t control = word(address), mask = word(address + plan.length), size = plan.element_size;
    const BlockId block = index_.find(control);
    if (block == kNoBlock || mask >= index_[block].end() - control || !take(control)) return contents;
    const std::uint64_t before = control - index_[block].address;
    for (std::uint64_t i = 0; i <= mask; ++i) {
        std::uint8_t state = 0;
        if (!image_.read(control + i, &state, sizeof state) || state >= 128) continue;
        ++contents.count;
        if (size > 0 && !plan.plain && (i + 1) * size <= before) contents.elements.push_back(control - (i + 1) * size);
    }
    return contents;
}

Contents Containers::read_rust_counted(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t counters = word(address);
    if (index_.find(counters) == kNoBlock || !take(counters)) return contents;
    contents.count = 1;
    if (plan.element_size > 0 && !plan.plain) contents.elements.push_back(counters + plan.element_at);
    return contents;
}

Contents Containers::read_unique(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t object = word(address);
    const BlockId block = index_.find(object);
    if (block == kNoBlock || !take(object)) return contents;
    contents.count = plan.array && plan.element_size != 0 ? (index_[block].end() - object) / plan.element_size : 1;
    for (std::uint64_t i = 0; i < contents.count && !plan.plain; ++i) contents.elements.push_back(object + i * plan.element_size);
    return contents;
}

Contents Containers::read_shared(const ContainerPlan&, std::uint64_t address, const TakeBlock& take) {
    Contents contents;
    const std::uint64_t object = word(address), control = word(address + 8);
    const bool has_control = take(control);
    const BlockId block = index_.find(object);
    const bool together = block != kNoBlock && block == index_.find(control);  // make_shared
    if (block == kNoBlock || !(together ? has_control : take(object))) return contents;
    contents.count = 1;
    contents.elements.push_back(object);
    return contents;
}

}  // namespace leakline::holders
