// Dominators, beside an algorithm that only follows the definition, and the arrays that hold graphs.
#include "holders/internal/dominators.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "holders/internal/sparse_rows.hpp"

using namespace leakline::holders;

namespace {

struct Edges {
    std::vector<std::vector<std::uint32_t>> targets;  // by node
    std::uint32_t size() const { return static_cast<std::uint32_t>(targets.size()); }
    std::uint32_t count(std::uint32_t node) const { return static_cast<std::uint32_t>(targets[node].size()); }
    std::uint32_t at(std::uint32_t node, std::uint32_t i) const { return targets[node][i]; }
};

std::vector<bool> reached_without(const Edges& graph, std::uint32_t start, std::uint32_t without) {
    std::vector<bool> reached(graph.size());
    std::vector<std::uint32_t> pending;
    const auto enter = [&](std::uint32_t node) {
        if (node == kNoNode || node == without || reached[node]) return;
        reached[node] = true;
        pending.push_back(node);
    };
    enter(start);
    while (!pending.empty()) {
        const std::uint32_t node = pending.back();
        pending.pop_back();
        for (const std::uint32_t target : graph.targets[node]) enter(target);
    }
    return reached;
}

// By node, the last of its dominators; kNoNode of the start and of nodes that cannot be reached. A node dominates those that cannot be reached
// without it, and its own last dominator is the one that all others of them dominate: the one that dominates fewest.
std::vector<std::uint32_t> by_definition(const Edges& graph, std::uint32_t start) {
    const std::vector<bool> reached = reached_without(graph, start, kNoNode);
    std::vector<std::uint32_t> last(graph.size(), kNoNode), dominated(graph.size(), 0);
    std::vector<std::vector<bool>> without(graph.size());
    for (std::uint32_t node = 0; node < graph.size(); ++node) {
        without[node] = reached_without(graph, start, node);
        for (std::uint32_t other = 0; other < graph.size(); ++other) dominated[node] += reached[other] && !without[node][other] ? 1 : 0;
    }
    for (std::uint32_t node = 0; node < graph.size(); ++node) {
        if (!reached[node] || node == start) continue;
        for (std::uint32_t other = 0; other < graph.size(); ++other)
            if (other != node && reached[other] && !without[other][node] &&
                (last[node] == kNoNode || dominated[other] < dominated[last[node]]))
                last[node] = other;
    }
    return last;
}

std::vector<std::uint32_t> found(const Edges& graph, std::uint32_t start) {
    const Dominators dominators = find_dominators(graph, start);
    REQUIRE(dominators.order.size() == dominators.parents.size());
    REQUIRE(dominators.order[0] == start);
    CHECK(dominators.parents[0] == 0);
    std::vector<std::uint32_t> last(graph.size(), kNoNode);
    for (std::uint32_t place = 1; place < dominators.order.size(); ++place) {
        CHECK(dominators.parents[place] < place);
        last[dominators.order[place]] = dominators.order[dominators.parents[place]];
    }
    return last;
}

using Nodes = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("what both sides of a diamond lead to belongs to where they part") {
    CHECK(found({{{1, 2}, {3}, {3}, {4}, {}}}, 0) == Nodes{kNoNode, 0, 0, 0, 3});
}

TEST_CASE("a chain, a ring, an edge to itself and a part that cannot be reached have their dominators") {
    CHECK(found({{{1}, {2}, {0, 3}, {3}, {3, 5}, {4}}}, 0) == Nodes{kNoNode, 0, 1, 2, kNoNode, kNoNode});
    CHECK(found({{{}}}, 0) == Nodes{kNoNode});
    CHECK(found({{{kNoNode, 1}, {1, kNoNode}}}, 0) == Nodes{kNoNode, 0});
}

TEST_CASE("a ring that is entered at two places has no node that dominates the other") {
    CHECK(found({{{1, 2}, {2}, {1, 3}, {}}}, 0) == Nodes{kNoNode, 0, 0, 2});
    // Lengauer and Tarjan's example (1979), R and A to L; there a semidominator is not the dominator.
    const Edges published{{{1, 2, 3}, {4}, {1, 4, 5}, {6, 7}, {12}, {8}, {9}, {9, 10}, {5, 11}, {11}, {9}, {0, 9}, {8}}};
    CHECK(found(published, 0) == Nodes{kNoNode, 0, 0, 0, 0, 0, 3, 3, 0, 0, 7, 0, 4});
}

TEST_CASE("random graphs have the dominators that the definition gives") {
    std::mt19937 random(7);
    const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
    for (int round = 0; round < 1500; ++round) {
        const std::uint32_t size = 1 + below(24), edges = below(3 * size);
        Edges graph{std::vector<Nodes>(size)};
        for (std::uint32_t i = 0; i < edges; ++i) {
            const std::uint32_t from = below(size);
            graph.targets[from].push_back(below(20) == 0 ? kNoNode : below(size));
        }
        const std::uint32_t start = below(size);
        INFO("round " << round);
        REQUIRE(found(graph, start) == by_definition(graph, start));
    }
}

TEST_CASE("a list of a million nodes, linked both ways and entered at both ends, takes no recursion") {
    constexpr std::uint32_t kSize = 1'000'000;
    struct List {
        std::uint32_t size() const { return kSize; }
        std::uint32_t count(std::uint32_t) const { return 2; }
        std::uint32_t at(std::uint32_t node, std::uint32_t i) const {
            if (node == 0) return i == 0 ? 1 : kSize - 1;
            return i == 0 ? (node + 1) % kSize : node - 1;
        }
    };
    const Dominators dominators = find_dominators(List(), 0);
    CHECK(dominators.order.size() == kSize);
    CHECK(std::all_of(dominators.parents.begin(), dominators.parents.end(), [](std::uint32_t parent) { return parent == 0; }));
}

TEST_CASE("compact numbers are right below and above 2^32, and those that are too large are the largest") {
    CompactNumbers numbers;
    numbers.assign(2);
    numbers.push_back(7);
    numbers.set(1, 0xffffffff);
    CHECK(numbers[1] == 0xffffffff);
    numbers.set(0, std::uint64_t{5} << 32 | 1);
    numbers.push_back(~std::uint64_t{0});
    CHECK(numbers[0] == (std::uint64_t{5} << 32 | 1));
    CHECK(numbers[1] == 0xffffffff);
    CHECK(numbers[2] == 7);
    CHECK(numbers[3] == CompactNumbers::kMax);
    numbers.set(0, 3);
    CHECK(numbers[0] == 3);
}

TEST_CASE("sparse rows are where they were put, and others are empty") {
    SparseRows rows;
    const auto size_of = [](std::size_t row) { return row % 3 == 0 || row > 250 ? 0 : row % 5; };
    for (std::size_t row = 0; row < 300; ++row) rows.push_back(size_of(row));
    std::uint64_t next = 0;
    for (std::size_t row = 0; row < 310; ++row) {
        const SparseRows::Row found = rows[row];
        const std::uint64_t expected = row < 300 ? size_of(row) : 0;
        CHECK(found.end - found.begin == expected);
        if (expected > 0) CHECK(found.begin == next);
        next += expected;
    }
}
