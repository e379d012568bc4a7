// Reads a recording while it is written, for a live view: each time only what was added since the last.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "heap/internal/recording_builder.hpp"
#include "model/heap.hpp"

namespace leakline::heap {

class RecordingFollower {
  public:
    // file: a descriptor of the recording, which the caller keeps open.
    RecordingFollower(int file, std::string interpreter) : file_(file), interpreter_(std::move(interpreter)) {}

    // What was recorded until now, with names and lines: new addresses are looked up, which can take a second where there is much debug
    // information. Of the marks it has the first, the last, and some of the minute before it (kKept, kSpacing): memory does not grow with
    // time. Valid until the next call.
    const HeapProfile& read();

    static constexpr Nanoseconds kKept = std::chrono::seconds(60), kSpacing = std::chrono::seconds(10);

  private:
    struct Content {
        HeapProfile profile;
        RecordingBuilder builder{profile};
    };

    void begin_anew();
    std::string read_new();
    bool apply(const std::string& records);
    void merge_marks();
    void name_new();

    const int file_;
    const std::string interpreter_;
    std::uint64_t offset_ = 0;  // of the file: read until here
    std::unique_ptr<Content> content_ = std::make_unique<Content>();
    std::size_t named_addresses_ = 0;
};

}  // namespace leakline::heap
