// A segment without a file, for tests of its tables.
#pragma once

#include <sys/mman.h>

#include "agent/internal/segment_view.hpp"

namespace leakline::test {

class SegmentInMemory {
  public:
    explicit SegmentInMemory(const agent::SegmentSizes& sizes, std::uint64_t interval = 1) : bytes_(agent::layout_of(sizes).bytes) {
        memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        view = agent::SegmentView::at(memory_, sizes);
        view.header->sizes = sizes;
        view.header->exact = interval <= 1;
        view.header->sampling = agent::SamplingState{interval, agent::SamplingState::kAllThinned}.packed();
    }
    ~SegmentInMemory() { ::munmap(memory_, bytes_); }
    SegmentInMemory(const SegmentInMemory&) = delete;
    SegmentInMemory& operator=(const SegmentInMemory&) = delete;

    agent::SegmentView view;

  private:
    std::size_t bytes_;
    void* memory_;
};

}  // namespace leakline::test
