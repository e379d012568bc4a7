// The members of objects that can lead to blocks, and which blocks belong to which member.
//
//   A group is a number of objects of one type: a variable, or all elements of a container. split() divides the blocks that the group
//   holds among its members: first each container and smart pointer takes its own storage with all that this owns in turn, then each plain
//   pointer does; what can be reached from there belongs to the member from which it is nearest.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "debuginfo/debug_info.hpp"
#include "holders/internal/graph.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/object_form.hpp"
#include "holders/internal/ownership.hpp"

namespace leakline::holders {

// What is known of a process's heap.
struct Heap {
    const MemoryImage& image;
    const BlockIndex& index;
    debuginfo::DebugInfo& names;
    ObjectForms& forms;
    const Ownership& ownership;
    const Graph& graph;
};

// A set of blocks: those that carry its number. Each split makes new ones out of one.
using Domain = std::uint32_t;

// What one member of all objects of a group holds.
struct Share : FormMember {
    Domain domain = 0;
    Bytes bytes = 0;
    std::uint64_t blocks = 0;
    Bytes shared_bytes = 0;  // of it, with other roots; see Graph::is_shared
    // What other members of the objects lead to as well, without owning it, and the one of them that has most. Only of splits with strangers.
    Bytes sibling_bytes = 0;
    std::string sibling;         // its path; empty if it has none
    std::uint64_t members = 0;   // how many of the group's objects have something there
    std::uint64_t elements = 0;  // in all of these containers; of a pointer: objects, with those linked to it
    bool linked = false;         // a pointer to objects that point to more of their kind
    std::vector<Group> groups;   // the elements by their type, most first
    bool counted_only = false;   // without groups
};

class ObjectMembers {
  public:
    explicit ObjectMembers(const Heap& heap);

    Domain new_domain() { return next_domain_++; }
    void put(BlockId block, Domain domain) { domains_[block] = domain; }
    Domain domain_of(BlockId block) const { return domains_[block]; }
    // Largest first. Blocks that no member leads to keep their domain.
    enum class Strangers {
        left,
        taken
    };  // blocks that are owned by something else in the domain, such as the nodes that the objects are in
    // links: members of that type have no groups, as they lead to more objects like those that are split.
    std::vector<Share> split(const Group& group, Domain domain, Strangers strangers, std::string_view links = {});

  private:
    struct Division;

    void follow_owner(Division& division, const Place& place, std::uint64_t address);
    void follow_pointer(Division& division, const Place& place, std::uint64_t object);
    bool take(Division& division, Share& share, BlockId block);
    void take_owned(Division& division, std::size_t first);
    void take_reached(Division& division, Strangers strangers);
    void follow_words(Division& division, const Group& group);
    void find_siblings(Division& division, const Group& group, const ObjectForm& form) const;
    void add_object(Share& share, debuginfo::TypeId type, std::uint64_t object, std::uint64_t size);
    void follow_links(Division& division, Share& share, debuginfo::TypeId type, std::uint64_t first);
    void follow_equal_blocks(Division& division, Share& share, BlockId first);

    const Heap& heap_;
    std::vector<Domain> domains_;  // by block
    Domain next_domain_ = 1;
};

}  // namespace leakline::holders
