#include "holders/internal/number_words.hpp"

#include <algorithm>

namespace leakline::holders {

using debuginfo::Type;
using debuginfo::TypeId;

namespace {

constexpr std::uint64_t kMostWords = 1 << 16;  // of a type; what is behind them counts as pointers
constexpr std::uint64_t kMostMarks = 1 << 18;
constexpr int kDeepestNumber = 24;

}  // namespace

void NumberWords::mark(Marks& marks, TypeId id, std::uint64_t offset, int depth) {
    if (++marks.steps > kMostMarks) return;
    const Type type = names_.type(id);  // a copy: types grow meanwhile
    if (depth < kDeepestNumber && type.kind == Type::Kind::structure) {
        for (const auto& member : type.members) mark(marks, member.type, offset + member.offset, depth + 1);
        return;
    }
    const std::uint64_t each = type.kind == Type::Kind::array ? names_.type(type.target).size : 0;
    if (depth < kDeepestNumber && each > 1) {
        for (std::uint64_t i = 0; i < type.count && offset + i * each < marks.numbers.size() * 8 && marks.steps <= kMostMarks; ++i)
            mark(marks, type.target, offset + i * each, depth + 1);
        return;
    }
    std::vector<bool>& words = type.kind == Type::Kind::scalar ? marks.numbers : marks.others;
    const std::uint64_t end = std::min<std::uint64_t>((offset + std::max<std::uint64_t>(type.size, 1) + 7) / 8, words.size());
    for (std::uint64_t word = offset / 8; word < end; ++word) words[word] = true;
}

const std::vector<bool>& NumberWords::of(TypeId type) {
    const auto [known, fresh] = known_.try_emplace(type);
    std::vector<bool>& words = known->second;
    if (!fresh || type == 0) return words;
    const std::uint64_t count = std::min((names_.type(type).size + 7) / 8, kMostWords);
    Marks marks{std::vector<bool>(count), std::vector<bool>(count)};
    mark(marks, type, 0, 0);
    if (marks.steps > kMostMarks) return words;
    words = std::move(marks.numbers);
    for (std::uint64_t word = 0; word < count; ++word)
        if (marks.others[word]) words[word] = false;
    return words;
}

}  // namespace leakline::holders
