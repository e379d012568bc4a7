#include "holders/internal/object_members.hpp"

#include <algorithm>
#include <utility>

namespace leakline::holders {

using debuginfo::Type;
using debuginfo::TypeId;

// One call of split().
struct ObjectMembers::Division {
    Domain domain = 0;
    std::vector<Share> shares;
    std::vector<BlockId> taken;  // their targets are to be given out

    // Which share has a block that was taken: their domains are numbered in their order.
    std::size_t number_of(Domain of_block) const { return of_block - shares.front().domain; }
};

ObjectMembers::ObjectMembers(const Heap& heap) : heap_(heap), domains_(heap.index.size(), 0) {}

bool ObjectMembers::take(Division& division, Share& share, BlockId block) {
    if (block == kNoBlock || domains_[block] != division.domain) return false;
    domains_[block] = share.domain;
    share.bytes += heap_.index[block].size;
    ++share.blocks;
    if (heap_.graph.is_shared(block)) share.shared_bytes += heap_.index[block].size;
    division.taken.push_back(block);
    return true;
}

void ObjectMembers::add_object(Share& share, TypeId type, std::uint64_t object, std::uint64_t size) {
    if (share.counted_only) return;
    const auto is_same = [&](const Group& each) { return each.type == type && (type != 0 || each.size == size); };
    auto group = std::find_if(share.groups.begin(), share.groups.end(), is_same);
    if (group == share.groups.end()) {
        constexpr std::size_t kMaxGroups = 64;
        if (share.groups.size() == kMaxGroups) return;
        share.groups.push_back({type, size, {}});
        group = share.groups.end() - 1;
    }
    // Memory that is reserved is resident only once it is written; growing would take both the old and the new copy for a moment.
    constexpr std::size_t kMany = 1 << 16;
    std::vector<std::uint64_t>& objects = group->objects;
    if (objects.size() == objects.capacity() && objects.size() >= kMany)
        objects.reserve(std::max<std::size_t>(2 * objects.size(), heap_.index.size()));
    objects.push_back(object);
}

// Objects that their own kind of pointer leads to. They count as elements of what points to the first.
void ObjectMembers::follow_links(Division& division, Share& share, TypeId type, std::uint64_t first) {
    const std::vector<std::uint64_t>& links = heap_.forms.links_of(type);
    if (links.empty()) return;
    std::vector<std::uint64_t> pending{first};
    while (!pending.empty()) {
        const std::uint64_t object = pending.back();
        pending.pop_back();
        for (const std::uint64_t link : links) {
            const std::uint64_t next = heap_.image.word(object + link).value_or(0);
            if (!take(division, share, heap_.index.find(next))) continue;
            add_object(share, type, next, 0);
            ++share.elements;
            share.linked = true;
            pending.push_back(next);
        }
    }
}

// The same where the type is not known: blocks of one size that lead to each other.
void ObjectMembers::follow_equal_blocks(Division& division, Share& share, BlockId first) {
    const std::uint64_t size = heap_.index[first].size;
    std::vector<BlockId> pending{first};
    while (!pending.empty()) {
        const BlockId block = pending.back();
        pending.pop_back();
        for (const BlockId target : heap_.graph.targets(block)) {
            if (heap_.index[target].size != size || !take(division, share, target)) continue;
            add_object(share, 0, heap_.index[target].address, size);
            ++share.elements;
            share.linked = true;
            pending.push_back(target);
        }
    }
}

void ObjectMembers::follow_pointer(Division& division, const Place& place, std::uint64_t object) {
    Share& share = division.shares[place.member];
    const BlockId block = heap_.index.find(object);
    if (!take(division, share, block)) return;
    ++share.members;
    const Block memory = heap_.index[block];
    const Pointed pointed = heap_.forms.pointed(place.type, object, memory);
    switch (pointed.kind) {
        case Pointed::Kind::unknown:
            ++share.elements;
            add_object(share, 0, memory.address, memory.size);
            follow_equal_blocks(division, share, block);
            return;
        case Pointed::Kind::numbers: share.elements += pointed.count; return;
        case Pointed::Kind::pointers:
            for (std::uint64_t at = pointed.first; at + pointed.stride <= memory.end(); at += pointed.stride)
                if (heap_.image.word(at).value_or(0) != 0) {
                    add_object(share, pointed.type, at, 0);
                    ++share.elements;
                }
            share.linked = share.linked || share.elements > 1;
            return;
        case Pointed::Kind::derived:
        case Pointed::Kind::object:
        case Pointed::Kind::array: break;
    }
    for (std::uint64_t i = 0; i < pointed.count; ++i) add_object(share, pointed.type, pointed.first + i * pointed.stride, 0);
    share.elements += pointed.count;
    if (pointed.kind == Pointed::Kind::array) share.linked = true;
    if (pointed.kind == Pointed::Kind::object) follow_links(division, share, pointed.type, object);
}

void ObjectMembers::follow_owner(Division& division, const Place& place, std::uint64_t address) {
    Share& share = division.shares[place.member];
    const std::uint64_t before = share.blocks;
    const auto take_for_it = [&](std::uint64_t at) { return take(division, share, heap_.index.find(at)); };
    const Contents contents = heap_.forms.containers().read(place.type, address, take_for_it);
    if (share.blocks == before) return;
    ++share.members;
    share.elements += contents.count;
    ObjectForms::Element element;
    for (const std::uint64_t object : contents.elements) {
        element = heap_.forms.element_of(place.type, object);
        add_object(share, element.type, element.address, 0);
    }
    // A list of nodes that own their next ones.
    const bool is_smart_pointer = share.kind == FormMember::Kind::pointer;
    if (is_smart_pointer && contents.count == 1 && heap_.names.type(element.type).kind == Type::Kind::structure)
        follow_links(division, share, element.type, element.address);
}

// All that the blocks taken since `first` own.
void ObjectMembers::take_owned(Division& division, std::size_t first) {
    for (std::size_t i = first; i < division.taken.size(); ++i) {
        const BlockId block = division.taken[i];
        Share& share = division.shares[division.number_of(domains_[block])];
        for (const BlockId owned : heap_.ownership.owned_by(block)) take(division, share, owned);
    }
}

// All that can be reached from what has been taken; what belongs to an owner that was not taken comes last.
void ObjectMembers::take_reached(Division& division, Strangers strangers) {
    for (const bool into_owned : {false, true}) {
        if (into_owned && strangers == Strangers::left) return;
        for (std::size_t i = 0; i < division.taken.size(); ++i) {
            const BlockId block = division.taken[i];
            Share& share = division.shares[division.number_of(domains_[block])];
            for (const BlockId target : heap_.graph.targets(block)) {
                if (heap_.ownership.has_owner(target) && !into_owned) continue;
                const std::size_t before = division.taken.size();
                if (take(division, share, target)) take_owned(division, before);
            }
        }
    }
}

// Each word of objects whose form is not known.
void ObjectMembers::follow_words(Division& division, const Group& group) {
    const std::size_t before = division.taken.size();
    for (const std::uint64_t object : group.objects)
        heap_.image.for_each_word(object, object + group.size,
                                  [&](std::uint64_t, std::uint64_t value) { follow_pointer(division, {}, value); });
    take_owned(division, before);
}

// Where a member leads into what another one has; all that follows there can be reached from both.
void ObjectMembers::find_siblings(Division& division, const Group& group, const ObjectForm& form) const {
    const auto some = std::count_if(division.shares.begin(), division.shares.end(), [](const Share& share) { return share.bytes > 0; });
    if (some < 2) return;
    const Domain first = division.shares.front().domain;
    std::vector<std::size_t> from(division.shares.size(), division.shares.size());
    std::vector<bool> entered(heap_.index.size(), false);
    std::vector<BlockId> pending;
    const auto enter = [&](BlockId block, std::size_t member) {
        if (block == kNoBlock || entered[block] || domains_[block] < first || heap_.ownership.has_owner(block)) return;
        const std::size_t number = domains_[block] - first;
        if (number >= division.shares.size() || number == member) return;
        entered[block] = true;
        pending.push_back(block);
        std::size_t& most = from[number];
        if (most == division.shares.size() || division.shares[member].bytes > division.shares[most].bytes) most = member;
    };
    for (const std::vector<Place>* places : {&form.pointers, &form.words})
        for (const std::uint64_t object : group.objects)
            for (const Place& place : *places) enter(heap_.index.find(heap_.image.word(object + place.offset).value_or(0)), place.member);
    for (const BlockId block : division.taken)
        for (const BlockId target : heap_.graph.targets(block)) enter(target, division.number_of(domains_[block]));
    const auto go_on = [&](BlockId block, Domain domain) {
        if (entered[block] || domains_[block] != domain) return;
        entered[block] = true;
        pending.push_back(block);
    };
    while (!pending.empty()) {
        const BlockId block = pending.back();
        pending.pop_back();
        const Domain domain = domains_[block];
        division.shares[domain - first].sibling_bytes += heap_.index[block].size;
        for (const BlockId target : heap_.graph.targets(block))
            if (!heap_.ownership.has_owner(target)) go_on(target, domain);
        for (const BlockId owned : heap_.ownership.owned_by(block)) go_on(owned, domain);
    }
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] < from.size()) division.shares[i].sibling = division.shares[from[i]].path;
}

std::vector<Share> ObjectMembers::split(const Group& group, Domain domain, Strangers strangers, std::string_view links) {
    const ObjectForm& form = heap_.forms.form_of(group.type, group.size);
    Division division;
    division.domain = domain;
    division.taken.reserve(heap_.index.size());
    for (const FormMember& member : form.members) {
        Share& share = division.shares.emplace_back();
        static_cast<FormMember&>(share) = member;
        share.domain = new_domain();
        share.counted_only = !links.empty() && share.type_name == links;
    }
    const auto follow_all = [&](const std::vector<Place>& places, const auto& follow) {
        const std::size_t before = division.taken.size();
        for (const std::uint64_t object : group.objects)
            for (const Place& place : places) follow(place, object + place.offset);
        take_owned(division, before);
    };
    const auto follow_word = [&](const Place& place, std::uint64_t address) {
        follow_pointer(division, place, heap_.image.word(address).value_or(0));
    };
    follow_all(form.owners, [&](const Place& place, std::uint64_t address) { follow_owner(division, place, address); });
    follow_all(form.pointers, follow_word);
    follow_all(form.words, follow_word);
    if (form.all_words) follow_words(division, group);
    take_reached(division, strangers);
    if (strangers == Strangers::taken) find_siblings(division, group, form);
    std::vector<Share> shares = std::move(division.shares);
    std::erase_if(shares, [](const Share& share) { return share.bytes == 0; });
    for (Share& share : shares)
        std::stable_sort(share.groups.begin(), share.groups.end(),
                         [](const Group& a, const Group& b) { return a.objects.size() > b.objects.size(); });
    std::stable_sort(shares.begin(), shares.end(), [](const Share& a, const Share& b) { return a.bytes > b.bytes; });
    return shares;
}

}  // namespace leakline::holders
