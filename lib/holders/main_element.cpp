#include "holders/internal/main_element.hpp"

#include <algorithm>

namespace leakline::holders {

namespace {

class MainSearch {
  public:
    MainSearch(const Heap& heap, const Share& share)
        : heap_(heap),
          share_(share),
          enough_(static_cast<Bytes>(kNearlyAll * static_cast<double>(share.bytes))),
          has_element_(heap.index.size(), false) {}

    std::optional<MainElement> run() {
        for (const Group& group : share_.groups)
            for (const std::uint64_t object : group.objects)
                if (const BlockId block = heap_.index.find(object); block != kNoBlock) has_element_[block] = true;
        for (const Group& group : share_.groups)
            for (std::size_t i = 0; i < group.objects.size(); ++i) {
                const BlockId block = heap_.index.find(group.objects[i]);
                if (block == kNoBlock || heap_.graph.retained_bytes(block) < enough_) continue;
                const bool in_array = is_in(group, i - 1, block) || is_in(group, i + 1, block);
                if ((in_array ? kept_by_part(group, group.objects[i], block) : kept_alone(block)) < enough_) continue;
                MainElement found{{group.type, group.size, {group.objects[i]}}, std::nullopt};
                if (in_array && is_in(group, 0, block)) found.place = i;
                return found;
            }
        return std::nullopt;
    }

  private:
    bool is_in(const Group& group, std::size_t i, BlockId block) const {
        return i < group.objects.size() && heap_.index.find(group.objects[i]) == block;
    }

    // Without what further elements keep that it leads to: a node of a list has all that come behind.
    Bytes kept_alone(BlockId block) const {
        const Block whole = heap_.index[block];
        return heap_.graph.retained_bytes(block) - kept({whole.address, whole.end()}, block, true);
    }

    Bytes kept_by_part(const Group& group, std::uint64_t object, BlockId block) const {
        const std::uint64_t size = group.type == 0 ? group.size : heap_.forms.size_of(group.type);
        return kept({object, std::min(object + size, heap_.index[block].end())}, block, false);
    }

    // By blocks that only this one leads to, from a part of it: those that have elements, or the others.
    Bytes kept(const Range& part, BlockId block, bool elements) const {
        std::vector<BlockId> targets;
        heap_.image.for_each_word(part.begin, part.end, [&](std::uint64_t, std::uint64_t value) {
            const BlockId target = heap_.index.find(value);
            if (target != kNoBlock && heap_.graph.dominator(target) == block && has_element_[target] == elements) targets.push_back(target);
        });
        std::sort(targets.begin(), targets.end());
        targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
        Bytes sum = 0;
        for (const BlockId target : targets) sum += heap_.graph.retained_bytes(target);
        return sum;
    }

    const Heap& heap_;
    const Share& share_;
    const Bytes enough_;
    std::vector<bool> has_element_;  // by block
};

}  // namespace

std::optional<MainElement> main_element(const Heap& heap, const Share& share) { return MainSearch(heap, share).run(); }

}  // namespace leakline::holders
