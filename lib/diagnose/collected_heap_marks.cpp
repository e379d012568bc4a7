#include "diagnose/internal/collected_heap_marks.hpp"

#include <algorithm>
#include <map>

#include "analysis/collected_heap.hpp"

namespace leakline::diagnose {

namespace {

constexpr std::size_t kMaxClasses = 8;

std::vector<CollectedHeap::Class> growth_by_class(const memory::LiveObjects& first, const memory::LiveObjects& last) {
    std::map<std::string, CollectedHeap::Class> classes;  // loaders may have classes of the same name
    const auto add = [&](const memory::LiveObjects& objects, double sign) {
        for (const memory::ObjectClass& type : objects.classes) {
            CollectedHeap::Class& sum = classes[type.name];
            sum.name = type.name;
            sum.growth_bytes += sign * static_cast<double>(type.bytes);
            sum.growth_objects += sign * static_cast<double>(type.objects);
        }
    };
    add(last, 1);
    add(first, -1);
    std::vector<CollectedHeap::Class> grown;
    for (auto& [name, type] : classes)
        if (type.growth_bytes > 0) grown.push_back(std::move(type));
    std::stable_sort(grown.begin(), grown.end(), [](const auto& a, const auto& b) { return a.growth_bytes > b.growth_bytes; });
    if (grown.size() > kMaxClasses) grown.resize(kMaxClasses);
    return grown;
}

}  // namespace

CollectedHeapMarks::CollectedHeapMarks(const std::vector<int>& processes) {
    const auto jvm = std::find_if(processes.begin(), processes.end(), memory::is_jvm);
    if (jvm != processes.end()) pid_ = *jvm;
    heap_.runtime = "java";
}

void CollectedHeapMarks::add(double at_s, std::uint64_t requests, const std::function<Bytes()>& memory) {
    if (!available()) return;
    auto objects = memory::count_live_objects(pid_);
    if (!objects) {
        pid_ = 0;
        return;
    }
    if (!begun()) first_ = *objects;
    heap_.mark_seconds.push_back(at_s);
    heap_.mark_requests.push_back(static_cast<double>(requests));
    heap_.live_bytes.push_back(static_cast<double>(objects->bytes));
    heap_.memory_bytes.push_back(static_cast<double>(memory()));
    last_ = *std::move(objects);
}

std::optional<CollectedHeap> CollectedHeapMarks::judged() const {
    if (!begun()) return std::nullopt;
    CollectedHeap heap = heap_;
    heap.classes = growth_by_class(first_, last_);
    analysis::judge_collected_heap(heap);
    return heap;
}

}  // namespace leakline::diagnose
