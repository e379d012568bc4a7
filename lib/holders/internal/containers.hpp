// Reads containers and smart pointers of libstdc++, libc++ and Rust's standard library out of a copy of a process's memory, by their layout.
//
// Layouts (GCC 5 and later, the C++11 ABI; bits/stl_*.h, bits/hashtable.h):
//   vector              begin, end, end of storage
//   list                ring of nodes {next, previous, element} through the list itself
//   forward_list        chain of nodes {next, element}
//   map, set, multi...  tree of nodes {color, parent, left, right, element}; the header's parent is the root
//   unordered_...       bucket array, and one chain of nodes {next, element, hash} through all buckets
//   deque               array of pointers to chunks of 512 bytes
//   string              pointer, length, 15 characters in place or the capacity
//   unique_ptr          a pointer (and a deleter, if it has a size)
//   shared_ptr          pointer, control block (in one block with the object by make_shared)
// Of libc++ (LLVM's __tree, __hash_table, deque, string; the ABI of version 1), where it differs:
//
//   vector<bool>        words, number of bits
//   map, set, multi...  first node, root; nodes {left, right, parent, color, element, which can be within the padding}
//   unordered_...       nodes {next, hash, element}
//   deque               {array of pointers: begin of its block, first used, behind the last}, place of the first element, number of elements
//   string              bit 0: not in place; then capacity, length, pointer
//
// Of Rust, whose compiler orders members as it likes:
//
//   Vec, String         pointer, length
//   HashMap, HashSet    elements before, and a byte for each behind the address of these bytes (hashbrown); below 128: the element is there
//   Arc, Rc             pointer to two counters and the object
//
// Where the parts begin in an object is looked up by the names of their members, as allocators and deleters can come before.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "debuginfo/debug_info.hpp"
#include "holders/internal/blocks.hpp"
#include "holders/internal/memory_image.hpp"

namespace leakline::holders {

// What a container has.
struct Contents {
    std::uint64_t count = 0;
    std::vector<std::uint64_t> elements;  // addresses; none for numbers and characters
    // The used part of a block that has room for more elements: what is behind (or before) it was left there by elements that are gone.
    struct Used {
        std::uint64_t block = 0;  // an address in it
        Range part;
    };
    std::vector<Used> used;
};

// Takes the block at an address for the container; false if it is none, or belongs to something else: then the walk ends. As each block is
// taken once, a damaged or cyclic container ends the walk as well.
using TakeBlock = std::function<bool(std::uint64_t address)>;

class Containers {
  public:
    Containers(const MemoryImage& image, const BlockIndex& index, debuginfo::DebugInfo& names)
        : image_(image), index_(index), names_(names) {}

    enum class Kind {
        none,      // no container
        sequence,  // elements that are looked into
        text,      // characters or numbers: only their number is of interest
        one,       // a smart pointer: at most one element
    };
    Kind kind(debuginfo::TypeId type);
    debuginfo::TypeId element(debuginfo::TypeId type);
    // Whether its blocks have nothing but characters or numbers in them. Not if those are bytes, which are memory for anything.
    bool holds_numbers(debuginfo::TypeId type);
    // Throws nothing for any content.
    Contents read(debuginfo::TypeId type, std::uint64_t address, const TakeBlock& take);

  private:
    using Read = Contents (Containers::*)(const struct ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    friend struct ContainerPlan;
    friend struct ContainerRow;

    const ContainerPlan& plan(debuginfo::TypeId type);
    std::uint64_t word(std::uint64_t address) const { return image_.word(address).value_or(0); }
    std::uint64_t size_of(debuginfo::TypeId type) { return names_.type(type).size; }
    std::uint64_t alignment_of(debuginfo::TypeId type, int depth = 0);
    std::uint64_t offset_of(debuginfo::TypeId type, std::string_view member, int depth = 0);
    std::uint64_t first_pointer(debuginfo::TypeId type, int depth = 0);
    debuginfo::TypeId pair_of(debuginfo::TypeId first, debuginfo::TypeId second);

    Contents read_vector(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_bits(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_list(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_forward_list(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_tree(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_hash(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_deque(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_string(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_llvm_bits(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_llvm_tree(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_llvm_deque(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_llvm_string(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_rust_vector(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_rust_table(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_rust_counted(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    debuginfo::TypeId type_within(debuginfo::TypeId type, std::string_view name, int depth = 0);
    Contents read_nodes(const ContainerPlan& plan, std::uint64_t root, std::uint64_t children, const TakeBlock& take);
    Contents read_text(std::uint64_t text, std::uint64_t length, const TakeBlock& take);
    Contents read_unique(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);
    Contents read_shared(const ContainerPlan& plan, std::uint64_t address, const TakeBlock& take);

    const MemoryImage& image_;
    const BlockIndex& index_;
    debuginfo::DebugInfo& names_;
    std::unordered_map<debuginfo::TypeId, ContainerPlan> plans_;
};

struct ContainerPlan {
    Containers::Kind kind = Containers::Kind::none;
    Containers::Read read = nullptr;
    debuginfo::TypeId element = 0;
    std::uint64_t start = 0;         // where its own members begin
    std::uint64_t length = 0;        // where its length is, from there; can be before
    std::uint64_t element_size = 0;  // 0: not known
    std::uint64_t element_at = 0;    // within a node
    bool array = false;              // unique_ptr<T[]>
    bool plain = false;              // elements are numbers: they are counted, and not listed
};

}  // namespace leakline::holders
