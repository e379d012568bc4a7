// Dominators of a directed graph: the nodes that every path from a start to a node goes through. Whatever a node dominates can be reached through it
// only, so the sum of that is what it alone keeps: its retained size.
//
// By the semi-NCA algorithm (Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems", 2005): semidominators as Lengauer and Tarjan
// (1979) compute them, and then for each node the nearest ancestor, in the tree of dominators so far, that is not below its semidominator. Almost linear
// in practice. While it runs it takes 20 bytes per node and 4 per edge.
//
// Thread-safety: functions without state.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "holders/internal/compact_numbers.hpp"

namespace leakline::holders {

inline constexpr std::uint32_t kNoNode = ~std::uint32_t{0};

struct Dominators {
    std::vector<std::uint32_t> order;    // the nodes that can be reached, each before all that it dominates; the start first
    std::vector<std::uint32_t> parents;  // by place in order: the place of the last of its dominators; of the start its own
};

// graph: size(), the number of nodes; count(node), of its edges; at(node, i), where edge i leads, or kNoNode where there is none. It must not change
// meanwhile. Rings, edges to the node itself and several between two nodes are allowed.
template <class Edges>
Dominators find_dominators(const Edges& graph, std::uint32_t start);

namespace dominators {

// What follows has nodes by their place in the order of a depth-first search.
template <class Edges>
class Search {
  public:
    Search(const Edges& graph, std::uint32_t start) : graph_(graph) {
        number(start);
        list_predecessors();
    }

    Dominators run() {
        const auto size = static_cast<std::uint32_t>(result_.order.size());
        labels_.resize(size);
        for (std::uint32_t place = 0; place < size; ++place) labels_[place] = place;
        semidominators_ = labels_;
        for (std::uint32_t place = size; place-- > 1;) {
            std::uint32_t least = ancestors_[place];
            for (std::uint64_t i = first_[place], behind = first_[place + 1]; i < behind; ++i)
                least = std::min(least, semidominators_[best_above(predecessors_[i], place + 1)]);
            semidominators_[place] = least;
        }
        std::vector<std::uint32_t>& dominators = labels_;  // done with as labels
        for (std::uint32_t place = 1; place < size; ++place) {
            std::uint32_t candidate = predecessors_[first_[place]];
            while (candidate > semidominators_[place]) candidate = dominators[candidate];
            dominators[place] = candidate;
        }
        result_.parents = std::move(dominators);
        return std::move(result_);
    }

  private:
    void number(std::uint32_t start) {
        places_.assign(graph_.size(), kNoNode);
        // Reserved memory is not resident until it is written; growing would take both the old and the new copy for a moment.
        result_.order.reserve(graph_.size());
        ancestors_.reserve(graph_.size());
        labels_.reserve(graph_.size());
        std::vector<std::uint32_t>& next = labels_;  // by place: of its edges
        const auto enter = [&](std::uint32_t node, std::uint32_t from) {
            places_[node] = static_cast<std::uint32_t>(result_.order.size());
            result_.order.push_back(node);
            ancestors_.push_back(from);
            next.push_back(0);
        };
        enter(start, 0);
        for (std::uint32_t place = 0;;) {
            const std::uint32_t node = result_.order[place];
            if (next[place] == graph_.count(node)) {
                if (place == 0) break;
                place = ancestors_[place];
                continue;
            }
            const std::uint32_t target = graph_.at(node, next[place]++);
            if (target == kNoNode || places_[target] != kNoNode) continue;
            enter(target, place);
            place = places_[target];
        }
        std::vector<std::uint32_t>().swap(labels_);
    }

    template <class Visit>
    void for_each_edge(const Visit& visit) const {
        for (std::uint32_t place = 0; place < result_.order.size(); ++place) {
            const std::uint32_t node = result_.order[place], count = graph_.count(node);
            for (std::uint32_t i = 0; i < count; ++i)
                if (const std::uint32_t target = graph_.at(node, i); target != kNoNode) visit(place, places_[target]);
        }
    }

    // Of each node the one first from which it was entered.
    void list_predecessors() {
        const std::size_t size = result_.order.size();
        first_.assign(size + 1);
        for_each_edge([&](std::uint32_t, std::uint32_t to) { first_.set(to, first_[to] + 1); });
        std::uint64_t sum = 0;
        for (std::size_t place = 0; place <= size; ++place) first_.set(place, sum += first_[place]);
        predecessors_.resize(sum);
        // Backwards, so that where each part begins is found again.
        for_each_edge([&](std::uint32_t from, std::uint32_t to) {
            first_.set(to, first_[to] - 1);
            predecessors_[first_[to]] = from;
        });
        std::vector<std::uint32_t>().swap(places_);
        for (std::uint32_t place = 1; place < size; ++place) {
            const auto part = predecessors_.begin() + static_cast<std::ptrdiff_t>(first_[place]);
            std::iter_swap(part, std::find(part, predecessors_.end(), ancestors_[place]));
        }
    }

    // Of the node and its ancestors from `linked` on, without the last: the one with the least semidominator. Shortens the way for later calls.
    std::uint32_t best_above(std::uint32_t place, std::uint32_t linked) {
        if (ancestors_[place] < linked) return labels_[place];
        way_.clear();
        do {
            way_.push_back(place);
            place = ancestors_[place];
        } while (ancestors_[place] >= linked);
        std::uint32_t above = place;
        while (!way_.empty()) {
            place = way_.back();
            way_.pop_back();
            ancestors_[place] = ancestors_[above];
            if (semidominators_[labels_[above]] < semidominators_[labels_[place]]) labels_[place] = labels_[above];
            above = place;
        }
        return labels_[place];
    }

    const Edges& graph_;
    Dominators result_;
    std::vector<std::uint32_t> places_;     // by node
    std::vector<std::uint32_t> ancestors_;  // at first the node from which each was entered
    CompactNumbers first_;                  // in predecessors_; one more
    std::vector<std::uint32_t> predecessors_;
    std::vector<std::uint32_t> semidominators_, labels_;
    std::vector<std::uint32_t> way_;
};

}  // namespace dominators

template <class Edges>
Dominators find_dominators(const Edges& graph, std::uint32_t start) {
    return dominators::Search<Edges>(graph, start).run();
}

}  // namespace leakline::holders
