// Pointers to the tables of a mapped segment. Does not own the mapping.
#pragma once

#include "agent/segment.hpp"

namespace leakline::agent {

struct SegmentView {
    SegmentHeader* header = nullptr;
    std::atomic<std::uint32_t>* sample_heads = nullptr;
    std::uint32_t* stack_heads = nullptr;
    Sample* samples = nullptr;
    Stack* stacks = nullptr;
    std::uint64_t* frames = nullptr;
    Module* modules = nullptr;
    char* names = nullptr;
    OpenDescriptor* descriptors = nullptr;
    StartedThread* threads = nullptr;
    char* answer = nullptr;

    static SegmentView at(void* base, const SegmentSizes& sizes) {
        const SegmentLayout layout = layout_of(sizes);
        char* const bytes = static_cast<char*>(base);
        SegmentView view;
        view.header = reinterpret_cast<SegmentHeader*>(bytes);
        view.sample_heads = reinterpret_cast<std::atomic<std::uint32_t>*>(bytes + layout.sample_heads);
        view.stack_heads = reinterpret_cast<std::uint32_t*>(bytes + layout.stack_heads);
        view.samples = reinterpret_cast<Sample*>(bytes + layout.samples);
        view.stacks = reinterpret_cast<Stack*>(bytes + layout.stacks);
        view.frames = reinterpret_cast<std::uint64_t*>(bytes + layout.frames);
        view.modules = reinterpret_cast<Module*>(bytes + layout.modules);
        view.names = bytes + layout.names;
        view.descriptors = reinterpret_cast<OpenDescriptor*>(bytes + layout.descriptors);
        view.threads = reinterpret_cast<StartedThread*>(bytes + layout.threads);
        view.answer = bytes + layout.answer;
        return view;
    }
};

}  // namespace leakline::agent
