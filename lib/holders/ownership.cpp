#include "holders/internal/ownership.hpp"

#include <algorithm>
#include <unordered_map>

namespace leakline::holders {

using debuginfo::TypeId;

class Ownership::Walk {
  public:
    Walk(Ownership& result, const MemoryImage& image, const BlockIndex& index, ObjectForms& forms, NumberWords& numbers,
         const std::stop_token& stop)
        : result_(result),
          image_(image),
          index_(index),
          forms_(forms),
          numbers_(numbers),
          stop_(stop),
          typed_(index.size(), false),
          among_numbers_(index.size() > 0 && is_among_numbers(index[0])) {
        if (!among_numbers_) return;
        result_.contents_.resize(index.size());
        result_.shapes_ = {{}, {8, {true}}};
    }

    void start_at(const Group& variable, std::uint64_t root) {
        for (const std::uint64_t object : variable.objects)
            owners_.push_back({variable.type, object, static_cast<Owner>(result_.blocks_ + root)});
        while (!owners_.empty() || !pointers_.empty()) {
            if (stop_.stop_requested()) return;
            if (!owners_.empty()) {
                const Object object = owners_.back();
                owners_.pop_back();
                follow_owners(object);
            } else {
                const Object pointer = pointers_.back();
                pointers_.pop_back();
                follow_pointer(pointer);
            }
        }
    }

  private:
    struct Object {
        TypeId type = 0;  // of pointers_: the pointer's
        std::uint64_t address = 0;
        Owner owner = kNone;  // what it is in: a block, or a root
    };

    void follow_owners(const Object& object) {
        const ObjectForm& form = forms_.form_of(object.type, 0);
        for (const Place& place : form.owners) {
            const bool numbers_only = among_numbers_ && forms_.containers().holds_numbers(place.type);
            const auto take = [&](std::uint64_t address) {
                const BlockId block = index_.find(address);
                if (block == kNoBlock || block == object.owner || result_.owners_[block] != kNone) return false;
                result_.owners_[block] = object.owner;
                typed_[block] = true;
                if (numbers_only) set_content(block, kNumbersOnly, 0);
                return true;
            };
            const Contents contents = forms_.containers().read(place.type, object.address + place.offset, take);
            for (const Contents::Used& used : contents.used)
                if (const BlockId block = index_.find(used.block); block != kNoBlock) add_used(block, used.part);
            for (const std::uint64_t each : contents.elements) {
                const ObjectForms::Element element = forms_.element_of(place.type, each);
                add(element.type, element.address);
            }
        }
        for (const Place& place : form.pointers) pointers_.push_back({place.type, object.address + place.offset, object.owner});
    }

    // Whole words.
    void add_used(BlockId block, const Range& part) {
        constexpr std::uint64_t kAll = ~std::uint32_t{0};
        const Block whole = index_[block];
        const std::uint64_t begin = std::max(part.begin, whole.address) - whole.address;
        const std::uint64_t end = std::max(part.end, whole.address) - whole.address;
        if (begin < 8 && end >= whole.size) return;
        result_.used_.push_back(
            {block, static_cast<std::uint32_t>(std::min((begin + 7) / 8, kAll)), static_cast<std::uint32_t>(std::min(end / 8, kAll))});
    }

    void add(TypeId type, std::uint64_t address) {
        if (type == 0) return;
        const bool empty = forms_.form_of(type, 0).empty();
        if (empty && !among_numbers_) return;
        const BlockId block = index_.find(address);
        if (block == kNoBlock) return;
        if (among_numbers_) set_content(block, shape_of(type), address - index_[block].address);
        if (!empty) owners_.push_back({type, address, block});
    }

    // Of a block's first object; all others there are of its type.
    void set_content(BlockId block, std::uint32_t shape, std::uint64_t start) {
        Content& content = result_.contents_[block];
        if (content.shape != 0 && (content.shape != shape || content.start <= start)) return;
        content = {shape, static_cast<std::uint32_t>(std::min<std::uint64_t>(start, ~std::uint32_t{0}))};
    }

    std::uint32_t shape_of(TypeId type) {
        const auto [known, fresh] = shapes_.try_emplace(type, static_cast<std::uint32_t>(result_.shapes_.size()));
        if (fresh) result_.shapes_.push_back({std::max<std::uint64_t>(forms_.size_of(type), 1), numbers_.of(type)});
        return known->second;
    }

    void follow_pointer(const Object& pointer) {
        const std::uint64_t value = image_.word(pointer.address).value_or(0);
        const BlockId block = index_.find(value);
        if (block == kNoBlock || typed_[block]) return;
        const Pointed pointed = forms_.pointed(pointer.type, value, index_[block]);
        if (pointed.kind == Pointed::Kind::unknown) return;
        typed_[block] = true;
        if (pointed.kind == Pointed::Kind::numbers) {
            if (among_numbers_ && pointed.stride > 1) set_content(block, kNumbersOnly, 0);
            return;
        }
        for (std::uint64_t i = 0; i < pointed.count; ++i) add(pointed.type, pointed.first + i * pointed.stride);
    }

    Ownership& result_;
    const MemoryImage& image_;
    const BlockIndex& index_;
    ObjectForms& forms_;
    NumberWords& numbers_;
    const std::stop_token& stop_;
    std::vector<bool> typed_;  // by block: whether its objects are known
    const bool among_numbers_;
    static constexpr std::uint32_t kNumbersOnly = 1;
    std::unordered_map<TypeId, std::uint32_t> shapes_;
    std::vector<Object> owners_, pointers_;
};

Ownership::Ownership(const MemoryImage& image, const BlockIndex& index, const std::vector<const Group*>& variables, ObjectForms& forms,
                     NumberWords& numbers, const std::stop_token& stop)
    : blocks_(static_cast<Owner>(index.size())), owners_(index.size(), kNone) {
    Walk walk(*this, image, index, forms, numbers, stop);
    for (std::size_t root = 0; root < variables.size(); ++root)
        if (variables[root]->type != 0) walk.start_at(*variables[root], root);
    std::sort(used_.begin(), used_.end(), [](const Used& a, const Used& b) { return a.block < b.block; });
    gather(blocks_ + variables.size());
}

bool Ownership::is_number(BlockId block, std::uint64_t offset) const {
    if (contents_.empty()) return false;
    const Content& content = contents_[block];
    const Shape& shape = shapes_[content.shape];
    // Words of the second object are not aligned as those of the first if its size is not.
    if (offset < content.start || (content.start | shape.stride) % 8 != 0) return false;
    const std::uint64_t word = (offset - content.start) % shape.stride / 8;
    return word < shape.numbers.size() && shape.numbers[word];
}

void Ownership::gather(std::size_t owners) {
    has_owner_.assign(blocks_, false);
    std::vector<std::uint32_t> first(owners + 1, 0);
    for (BlockId block = 0; block < blocks_; ++block) {
        if (owners_[block] == kNone) continue;
        has_owner_[block] = true;
        ++first[owners_[block]];
    }
    std::uint32_t sum = 0;
    for (std::uint32_t& each : first) {
        rows_.push_back(each);
        each = sum += each;
    }
    owned_.resize(sum);
    // Backwards, so that where each part begins is found again.
    for (BlockId block = blocks_; block-- > 0;)
        if (owners_[block] != kNone) owned_[--first[owners_[block]]] = block;
}

}  // namespace leakline::holders
