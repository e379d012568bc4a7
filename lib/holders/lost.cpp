#include "holders/internal/lost.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <tuple>

#include "debuginfo/type_name.hpp"

namespace leakline::holders {

namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};

// Strongly connected components of the lost blocks (Tarjan 1972), without recursion: lists of objects are as deep as they are long.
class Components {
  public:
    explicit Components(const Graph& graph, std::size_t blocks)
        : graph_(graph), component_(blocks, kNone), low_(blocks, 0), order_(blocks, 0) {
        for (BlockId block = 0; block < blocks; ++block)
            if (is_lost(block) && order_[block] == 0) visit(block);
    }

    bool is_lost(BlockId block) const { return graph_.owner(block) == kNoRoot; }
    std::uint32_t of(BlockId block) const { return component_[block]; }
    std::size_t size() const { return count_; }

  private:
    struct Step {
        BlockId block = kNoBlock;
        std::size_t next = 0;  // of its targets
    };

    void enter(BlockId block) {
        low_[block] = order_[block] = ++time_;
        open_.push_back(block);
        path_.push_back({block, 0});
    }

    void visit(BlockId start) {
        enter(start);
        while (!path_.empty()) {
            const BlockId block = path_.back().block;
            const auto targets = graph_.targets(block);
            if (path_.back().next < targets.size()) {
                const BlockId target = targets[path_.back().next++];
                if (!is_lost(target)) continue;
                if (order_[target] == 0)
                    enter(target);
                else if (component_[target] == kNone)
                    low_[block] = std::min(low_[block], order_[target]);
                continue;
            }
            path_.pop_back();
            if (!path_.empty()) low_[path_.back().block] = std::min(low_[path_.back().block], low_[block]);
            if (low_[block] == order_[block]) close(block);
        }
    }

    void close(BlockId first) {
        for (BlockId block = kNoBlock; block != first;) {
            block = open_.back();
            open_.pop_back();
            component_[block] = count_;
        }
        ++count_;
    }

    const Graph& graph_;
    std::vector<std::uint32_t> component_;
    std::vector<std::uint32_t> low_, order_;  // order: 0 while not seen
    std::vector<BlockId> open_;
    std::vector<Step> path_;
    std::uint32_t time_ = 0, count_ = 0;
};

class Search {
  public:
    explicit Search(const Heap& heap) : heap_(heap), components_(heap.graph, heap.index.size()) {}

    std::vector<LostKind> run() {
        find_members();
        std::vector<bool> taken(heap_.index.size(), false);
        for (BlockId block = 0; block < heap_.index.size(); ++block) {
            if (!components_.is_lost(block)) continue;
            const std::uint32_t component = components_.of(block);
            if (!is_led_to_[component] && members_of(component).front() == block) add(component, taken);
        }
        std::vector<LostKind> sorted;
        for (auto& [key, kind] : kinds_) sorted.push_back(std::move(kind));
        std::stable_sort(sorted.begin(), sorted.end(), [](const LostKind& a, const LostKind& b) { return a.bytes > b.bytes; });
        return sorted;
    }

  private:
    void find_members() {
        is_led_to_.assign(components_.size(), false);
        first_member_.assign(components_.size() + 1, 0);
        for (BlockId block = 0; block < heap_.index.size(); ++block) {
            if (!components_.is_lost(block)) continue;
            ++first_member_[components_.of(block)];
            for (const BlockId target : heap_.graph.targets(block))
                if (components_.is_lost(target) && components_.of(target) != components_.of(block))
                    is_led_to_[components_.of(target)] = true;
        }
        std::partial_sum(first_member_.begin(), first_member_.end(), first_member_.begin());
        members_.resize(first_member_.back());
        // Backwards, so that where each part begins is found again.
        for (BlockId block = static_cast<BlockId>(heap_.index.size()); block-- > 0;)
            if (components_.is_lost(block)) members_[--first_member_[components_.of(block)]] = block;
    }

    std::span<const BlockId> members_of(std::uint32_t component) const {
        return {members_.data() + first_member_[component], members_.data() + first_member_[component + 1]};
    }

    void add(std::uint32_t component, std::vector<bool>& taken) {
        const std::span<const BlockId> members = members_of(component);
        LostKind kind;
        kind.cycle = members.size() > 1;
        kind.block_size = kind.cycle ? 0 : heap_.index[members.front()].size;
        if (kind.cycle)
            name_cycle(component, kind);
        else
            kind.type = object_in(members.front()).name;
        if (!kind.type.empty()) kind.block_size = 0;
        LostKind& sum = kinds_.try_emplace({kind.cycle, kind.type, kind.field, kind.block_size}, kind).first->second;
        ++sum.count;
        std::vector<BlockId> pending;
        const auto take = [&](BlockId block) {
            if (taken[block] || !components_.is_lost(block)) return;
            taken[block] = true;
            pending.push_back(block);
            ++sum.blocks;
            sum.bytes += heap_.index[block].size;
        };
        for (const BlockId block : members) take(block);
        while (!pending.empty()) {
            const BlockId block = pending.back();
            pending.pop_back();
            for (const BlockId target : heap_.graph.targets(block)) take(target);
        }
    }

    struct Object {
        debuginfo::TypeId type = 0;
        std::uint64_t address = 0;
        std::string name;
    };

    // The object in a block by its virtual table, or by that of the control block of its shared pointers.
    Object object_in(BlockId block) {
        const std::uint64_t address = heap_.index[block].address;
        const ObjectForms::Class& found = heap_.forms.class_of(address);
        if (found.shared_name.empty()) return {found.type, address, debuginfo::short_type_name(found.name)};
        const std::uint64_t at = address + found.shared_at;
        return {found.shared, found.shared_by_pointer ? heap_.image.word(at).value_or(0) : at, found.shared_name};
    }

    // The first object of the ring whose member is known to lead on within it.
    void name_cycle(std::uint32_t component, LostKind& kind) {
        for (const BlockId block : members_of(component)) {
            const Object object = object_in(block);
            if (kind.type.empty()) kind.type = object.name;
            if (object.type == 0) continue;
            const ObjectForm& form = heap_.forms.form_of(object.type, 0);
            for (const std::vector<Place>* places : {&form.owners, &form.pointers})
                for (const Place& place : *places) {
                    if (!leads_into(component, place, object.address + place.offset)) continue;
                    kind.type = object.name;
                    kind.field = form.members[place.member].path;
                    return;
                }
        }
    }

    bool leads_into(std::uint32_t component, const Place& place, std::uint64_t address) {
        bool leads = false;
        const auto look = [&](std::uint64_t at) {
            const BlockId block = heap_.index.find(at);
            leads = leads || (block != kNoBlock && components_.is_lost(block) && components_.of(block) == component);
            return false;  // what a container begins with is enough
        };
        if (heap_.names.type(place.type).kind == debuginfo::Type::Kind::pointer)
            look(heap_.image.word(address).value_or(0));
        else
            heap_.forms.containers().read(place.type, address, look);
        return leads;
    }

    const Heap& heap_;
    Components components_;
    std::vector<BlockId> members_;             // by component
    std::vector<std::uint32_t> first_member_;  // of each component, in members_; and one more
    std::vector<bool> is_led_to_;              // by component: whether another one leads to it
    std::map<std::tuple<bool, std::string, std::string, Bytes>, LostKind> kinds_;
};

}  // namespace

std::vector<LostKind> lost_kinds(const Heap& heap, std::size_t most) {
    std::vector<LostKind> kinds;
    if (heap.graph.lost_blocks() > 0) kinds = Search(heap).run();
    if (kinds.size() > most) kinds.resize(most);
    return kinds;
}

}  // namespace leakline::holders
