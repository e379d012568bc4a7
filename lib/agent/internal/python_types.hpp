// Counts the objects of a graph by their types. For a copy of the process that has one thread.
#pragma once

#include "agent/internal/python_graph.hpp"

namespace leakline::agent::python {

// Objects that a sampled block begins or ends with, and memory of their own that only they point to, count for the type.
class TypeCounts {
  public:
    // All objects of the graph as it is now. all_sampled: every object is younger than the samples. False if there is no memory.
    bool count(const Graph& graph, bool all_sampled);
    // A line for each type.
    void put() const;

  private:
    struct Type {
        const void* type;  // null: unused
        double objects;
        double sampled, young;                  // of them, as estimated from the samples: all, and those that are growth
        double sampled_squares, young_squares;  // sums of the squares of what each sample stands for
        double bytes, growth, variance;         // of the samples; variance: of growth
    };
    static constexpr unsigned kMaxTypes = 1u << 15;  // a power of two

    Type* find(const void* type);

    Type* types_ = nullptr;
    bool all_sampled_ = true;
};

}  // namespace leakline::agent::python
