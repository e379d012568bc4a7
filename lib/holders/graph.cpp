#include "holders/internal/graph.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <thread>

#include "holders/internal/dominators.hpp"

namespace leakline::holders {

namespace {

constexpr std::size_t kMaxThreads = 4;
constexpr std::size_t kFewForThreads = 50'000;  // blocks; fewer are scanned at once by one

// The pointers of some consecutive blocks.
struct Part {
    std::vector<std::uint32_t> counts;  // by block
    std::vector<BlockId> edges;
};

void limit(Range& range, const Block& block, const Ownership::Used& used) {
    range.begin = std::max(range.begin, (block.address + 7) / 8 * 8 + 8 * std::uint64_t{used.begin});
    if (used.end != ~std::uint32_t{0}) range.end = std::min(range.end, block.address + 8 * std::uint64_t{used.end});
}

void scan_blocks(const MemoryImage& image, const BlockIndex& index, const Ownership& ownership, std::span<const Ownership::Used> used,
                 BlockId begin, BlockId end, const std::stop_token& stop, Part& part) {
    part.counts.assign(end - begin, 0);
    auto next =
        std::lower_bound(used.begin(), used.end(), begin, [](const Ownership::Used& each, BlockId block) { return each.block < block; });
    const MemoryImage::Region* region = nullptr;
    for (BlockId block = begin; block < end && !stop.stop_requested(); ++block) {
        const Block each = index[block];
        if (region == nullptr || each.address < region->mapping.begin || each.end() > region->mapping.end)
            region = image.region_at(each.address);
        if (region == nullptr) continue;
        Range range{each.address, std::min(each.end(), region->mapping.end)};
        for (; next != used.end() && next->block <= block; ++next)
            if (next->block == block) limit(range, each, *next);
        const char* const bytes = region->bytes.data();
        const std::size_t before = part.edges.size();
        BlockId previous = block;
        for (std::uint64_t at = (range.begin + 7) / 8 * 8; at + 8 <= range.end; at += 8) {
            std::uint64_t value = 0;
            std::memcpy(&value, bytes + (at - region->mapping.begin), sizeof value);
            const BlockId target = index.find(value);
            if (target == kNoBlock || target == previous || target == block) continue;
            if (is_among_numbers(index[target]) && ownership.is_number(block, at - each.address)) continue;
            part.edges.push_back(target);
            previous = target;
        }
        part.counts[block - begin] = static_cast<std::uint32_t>(part.edges.size() - before);
    }
}

}  // namespace

// The edges that keep what they lead to. Nodes are the blocks, the roots behind them, and a last one that leads to all roots.
class Graph::Kept {
  public:
    Kept(const Graph& graph, const Roots& roots, const Ownership& ownership)
        : graph_(graph), roots_(roots), ownership_(ownership), blocks_(static_cast<std::uint32_t>(graph.owner_.size())) {}

    std::uint32_t size() const { return start() + 1; }
    std::uint32_t start() const { return blocks_ + static_cast<std::uint32_t>(roots_.roots.size()); }
    bool is_block(std::uint32_t node) const { return node < blocks_; }
    // Of a block or a root that leads to something.
    std::uint32_t root_of(std::uint32_t node) const { return is_block(node) ? graph_.owner_[node] : node - blocks_; }

    std::uint32_t count(std::uint32_t node) const {
        if (node == start()) return start() - blocks_;
        return static_cast<std::uint32_t>(pointers_of(node) + owned_by(node).size());
    }

    std::uint32_t at(std::uint32_t node, std::uint32_t i) const {
        if (node == start()) return blocks_ + i;
        const std::span<const BlockId> targets = is_block(node) ? graph_.targets(node) : std::span<const BlockId>{};
        const std::size_t pointers = is_block(node) ? targets.size() : roots_.roots[node - blocks_].words.size();
        if (i >= pointers) return in_phase(owned_by(node)[i - pointers], root_of(node));
        const BlockId target = is_block(node) ? targets[i] : roots_.roots[node - blocks_].words[i].block;
        return is_owned(target) ? kNoNode : in_phase(target, root_of(node));
    }

  private:
    std::size_t pointers_of(std::uint32_t node) const {
        return is_block(node) ? graph_.targets(node).size() : roots_.roots[node - blocks_].words.size();
    }
    std::span<const BlockId> owned_by(std::uint32_t node) const {
        return is_block(node) ? ownership_.owned_by(node) : ownership_.owned_by_root(node - blocks_);
    }
    std::uint32_t in_phase(BlockId target, std::uint32_t root) const {
        const std::uint32_t owner = graph_.owner_[target];
        return owner == root || roots_.phases[owner] == roots_.phases[root] ? target : kNoNode;
    }
    // By a container or smart pointer that can be reached: then other pointers do not keep it.
    bool is_owned(BlockId target) const {
        const std::uint32_t owner = ownership_.owner_of(target);
        return owner != kNoBlock && root_of(owner) == graph_.owner_[target];
    }

    const Graph& graph_;
    const Roots& roots_;
    const Ownership& ownership_;
    const std::uint32_t blocks_;
};

Graph::Graph(const MemoryImage& image, const BlockIndex& index, const Roots& roots, const Ownership& ownership, const std::stop_token& stop,
             std::vector<Ownership::Used> used) {
    scan(image, index, ownership, std::move(used), stop);
    reach(roots, ownership);
    retain(index, roots, Kept(*this, roots, ownership));
}

void Graph::scan(const MemoryImage& image, const BlockIndex& index, const Ownership& ownership, std::vector<Ownership::Used> used,
                 const std::stop_token& stop) {
    const std::size_t threads =
        index.size() < kFewForThreads ? 1 : std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
    // Parts of equal bytes, not of equal numbers of blocks.
    std::vector<BlockId> limits{0};
    const Bytes total = index.bytes();
    Bytes sum = 0;
    for (BlockId block = 0; block < index.size() && limits.size() < threads; ++block) {
        sum += index[block].size;
        if (sum >= total / threads * limits.size()) limits.push_back(block + 1);
    }
    limits.push_back(static_cast<BlockId>(index.size()));
    std::vector<Part> parts(limits.size() - 1);
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < parts.size(); ++i)
        others.emplace_back([&, i] { scan_blocks(image, index, ownership, used, limits[i], limits[i + 1], stop, parts[i]); });
    scan_blocks(image, index, ownership, used, limits[0], limits[1], stop, parts[0]);
    for (std::thread& other : others) other.join();

    std::size_t edges = 0;
    for (const Part& part : parts) edges += part.edges.size();
    edges_.reserve(edges);
    for (Part& part : parts) {
        for (const std::uint32_t count : part.counts) rows_.push_back(count);
        edges_.insert(edges_.end(), part.edges.begin(), part.edges.end());
        part = {};
    }
}

// Roots of one phase, in the order in which they take what they reach: first the one that most is nearest to. What holds a structure is nearer to it
// than what refers to it by way of other objects.
template <class OwnedBy>
std::vector<std::uint32_t> Graph::nearest_first(std::uint32_t first, std::uint32_t behind, const Roots& roots, const Ownership& ownership,
                                                const OwnedBy& owned_by) const {
    std::vector<std::uint32_t> order(behind - first);
    std::iota(order.begin(), order.end(), first);
    if (order.size() == 1) return order;
    std::vector<std::uint32_t> nearest(owner_.size(), kNoRoot);
    std::vector<BlockId> level, next;
    const auto enter = [&](BlockId block, std::uint32_t root) {
        if (owner_[block] != kNoRoot || nearest[block] != kNoRoot) return;
        nearest[block] = root;
        next.push_back(block);
    };
    const auto enter_pointer = [&](BlockId block, std::uint32_t root) {
        if (!ownership.has_owner(block)) enter(block, root);
    };
    for (const std::uint32_t root : order) {
        for (const RootWord& word : roots.roots[root].words) enter_pointer(word.block, root);
        for (const BlockId block : owned_by(root))
            for (const BlockId target : targets(block)) enter_pointer(target, root);
    }
    std::vector<std::uint64_t> blocks(order.size(), 0);
    while (!next.empty()) {
        level.swap(next);
        next.clear();
        for (const BlockId block : level) {
            const std::uint32_t root = nearest[block];
            ++blocks[root - first];
            for (const BlockId owned : ownership.owned_by(block)) enter(owned, root);
            for (const BlockId target : targets(block)) enter_pointer(target, root);
        }
    }
    for (const std::uint32_t root : order) blocks[root - first] /= roots.roots[root].handicap;
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return blocks[a - first] > blocks[b - first]; });
    return order;
}

void Graph::reach(const Roots& roots, const Ownership& ownership) {
    owner_.assign(rows_.size(), kNoRoot);
    std::vector<BlockId> reached;  // by root, whose first one is where `begins` says; only those that ownership leads to
    std::vector<BlockId> pending;
    // With all that it owns.
    const auto take = [&](BlockId block, std::uint32_t root) {
        if (owner_[block] != kNoRoot) return;
        owner_[block] = root;
        pending.push_back(block);
        for (std::size_t i = pending.size() - 1; i < pending.size(); ++i)
            for (const BlockId owned : ownership.owned_by(pending[i])) {
                if (owner_[owned] != kNoRoot) continue;
                owner_[owned] = root;
                pending.push_back(owned);
            }
    };
    std::vector<std::size_t> begins;
    for (std::uint32_t root = 0; root < roots.roots.size(); ++root) {
        begins.push_back(reached.size());
        for (const BlockId block : ownership.owned_by_root(root)) take(block, root);
        reached.insert(reached.end(), pending.begin(), pending.end());
        pending.clear();
    }
    begins.push_back(reached.size());
    const auto owned_by = [&](std::uint32_t root) { return std::span(reached).subspan(begins[root], begins[root + 1] - begins[root]); };
    std::vector<std::pair<std::uint32_t, BlockId>> left;  // what belongs to an owner that has not been reached yet
    const auto take_reachable = [&](std::uint32_t root) {
        const auto follow = [&](BlockId block) {
            if (owner_[block] != kNoRoot) return;
            if (ownership.has_owner(block))
                left.emplace_back(root, block);
            else
                take(block, root);
        };
        for (const RootWord& word : roots.roots[root].words) follow(word.block);
        for (const BlockId block : owned_by(root))
            for (const BlockId target : targets(block)) follow(target);
        while (!pending.empty()) {
            const BlockId block = pending.back();
            pending.pop_back();
            for (const BlockId target : targets(block)) follow(target);
        }
    };
    for (std::uint32_t first = 0, behind = 0; first < roots.roots.size(); first = behind) {
        while (behind < roots.roots.size() && roots.phases[behind] == roots.phases[first]) ++behind;
        for (const std::uint32_t root : nearest_first(first, behind, roots, ownership, owned_by)) take_reachable(root);
    }
    for (const auto& [root, first] : left) {
        take(first, root);
        while (!pending.empty()) {
            const BlockId block = pending.back();
            pending.pop_back();
            for (const BlockId target : targets(block)) take(target, root);
        }
    }
}

void Graph::retain(const BlockIndex& index, const Roots& roots, const Kept& kept) {
    ::malloc_trim(0);  // what arrays were in before they grew, also in the arenas of the threads
    const Dominators found = find_dominators(kept, kept.start());
    dominators_.assign(owner_.size(), kNoBlock);
    retained_.assign(owner_.size());
    for (BlockId block = 0; block < owner_.size(); ++block) retained_.set(block, index[block].size);
    is_shared_.assign(owner_.size(), false);
    for (std::size_t place = 1; place < found.order.size(); ++place) {
        const std::uint32_t node = found.order[place], dominator = found.order[found.parents[place]];
        if (!kept.is_block(node)) continue;
        is_shared_[node] = dominator == kept.start() || (kept.is_block(dominator) && is_shared_[dominator]);
        if (kept.is_block(dominator)) dominators_[node] = dominator;
    }
    for (std::size_t place = found.order.size(); place-- > 1;)
        if (const std::uint32_t node = found.order[place]; kept.is_block(node) && dominators_[node] != kNoBlock)
            retained_.set(dominators_[node], retained_[dominators_[node]] + retained_[node]);
    sum_up(index, roots, kept);
}

void Graph::sum_up(const BlockIndex& index, const Roots& roots, const Kept& kept) {
    const std::size_t count = roots.roots.size();
    owned_bytes_.assign(count, 0);
    owned_blocks_.assign(count, 0);
    shared_.assign(count, {});
    for (BlockId block = 0; block < owner_.size(); ++block) {
        const Bytes size = index[block].size;
        const std::uint32_t owner = owner_[block];
        if (owner == kNoRoot) {
            lost_bytes_ += size;
            ++lost_count_;
            continue;
        }
        owned_bytes_[owner] += size;
        ++owned_blocks_[owner];
        if (is_shared_[block]) shared_[owner].bytes += size;
    }
    // The other root that leads to the largest part of it. Paths from several roots meet at a shared block that no block dominates.
    const auto is_meeting = [&](BlockId block) { return is_shared_[block] && dominators_[block] == kNoBlock; };
    std::vector<Bytes> most(count, 0);
    for (std::uint32_t node = 0; node < kept.start(); ++node) {
        if (kept.is_block(node) && owner_[node] == kNoRoot) continue;
        const std::uint32_t from = kept.root_of(node), edges = kept.count(node);
        for (std::uint32_t i = 0; i < edges; ++i) {
            const std::uint32_t target = kept.at(node, i);
            if (target == kNoNode || !is_meeting(target) || owner_[target] == from || retained_[target] <= most[owner_[target]]) continue;
            most[owner_[target]] = retained_[target];
            shared_[owner_[target]].with = from;
        }
    }
    for (std::size_t root = 0; root < count; ++root)
        if (most[root] == 0) shared_[root].bytes = 0;
}

}  // namespace leakline::holders
