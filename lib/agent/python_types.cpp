#include "agent/internal/python_types.hpp"

#include "agent/internal/floating_point.hpp"
#include "agent/internal/python_answer.hpp"

namespace leakline::agent::python {

TypeCounts::Type* TypeCounts::find(const void* type) {
    constexpr unsigned kTries = 64;
    const auto start = static_cast<unsigned>(reinterpret_cast<std::uint64_t>(type) * 0x9e3779b97f4a7c15u >> 32);
    for (unsigned i = 0; i < kTries; ++i) {
        Type& place = types_[(start + i) % kMaxTypes];
        if (place.type == nullptr) place.type = type;
        if (place.type == type) return &place;
    }
    return nullptr;
}

bool TypeCounts::count(const Graph& graph, bool all_sampled) {
    if (types_ == nullptr) types_ = reserve<Type>(kMaxTypes);
    if (types_ == nullptr) return false;
    all_sampled_ = all_sampled;
    for (unsigned i = 0; i < kMaxTypes; ++i) types_[i] = {};
    for (std::uint32_t node = 0; node < graph.size(); ++node)
        if (Type* const type = find(type_of(graph[node].object))) type->objects += 1;
    for (std::uint32_t i = 0; i < graph.held_count(); ++i) {
        const Graph::Held& held = graph.held(i);
        Type* const type = held.node != Graph::kNone ? find(type_of(graph[held.node].object)) : nullptr;
        if (type == nullptr || held.size == 0) continue;
        type->bytes += held.bytes;
        type->growth += held.growth;
        type->variance += held.growth * (held.growth - static_cast<double>(held.size));  // est^2 (1 - p), with p = size / est
        const auto object = reinterpret_cast<std::uint64_t>(graph[held.node].object);
        if (object < held.address || object - held.address >= held.size) continue;  // only memory of the object
        const double objects = held.bytes / static_cast<double>(held.size), young = held.growth / static_cast<double>(held.size);
        type->sampled += objects;
        type->young += young;
        type->sampled_squares += objects * objects;
        type->young_squares += young * young;
    }
    return true;
}

void TypeCounts::put() const {
    for (unsigned i = 0; i < kMaxTypes; ++i) {
        const Type& type = types_[i];
        if (type.type == nullptr || type.objects <= 0) continue;
        double growth = type.young < type.objects ? type.young : type.objects, variance = type.young_squares;
        // The share of the samples that is young has a smaller error than their number.
        if (all_sampled_ && type.sampled > 0) {
            const double share = type.young / type.sampled, scale = type.objects / type.sampled;
            growth = share * type.objects;
            variance = scale * scale * ((1 - 2 * share) * type.young_squares + share * share * type.sampled_squares);
        }
        put_mark("type\t");
        put_type(type.type);
        for (const double value : {type.objects, growth, square_root(variance), type.bytes, type.growth, square_root(type.variance)}) {
            tab();
            put_count(value);
        }
        new_line();
    }
}

}  // namespace leakline::agent::python
