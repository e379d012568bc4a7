// Runs a command under heaptrack's tracker and aggregates what it says while it runs.
#pragma once

#include <memory>
#include <string>

#include "base/process.hpp"
#include "model/heap.hpp"

namespace leakline::heap {

struct RecordOptions {
    Command command;
    std::string output;                                  // our recording file; empty: none is kept
    std::string keep_raw;                                // also tee the raw stream, zstd-compressed; empty: not
    Nanoseconds mark_interval = std::chrono::seconds(1); // doubled whenever there would be more than max_marks
    std::size_t max_marks = 600;
};

// One recording. Use from one thread. The service that runs under it never dies because of us: see recorder.cpp.
class Recorder {
  public:
    // Checks the command (throws Error{input} with advice for a static, setuid or script target), the tracker
    // (Error{system} where heaptrack is missing) and the output, then starts it.
    static Recorder start(RecordOptions options);
    ~Recorder();  // ends the command if it still runs
    Recorder(Recorder&&) noexcept;
    Recorder& operator=(Recorder&&) noexcept;

    Child& child();
    // Records the heap as it is now: everything that the tracker had written when this was called is in it.
    void mark(HeapMark::Kind kind, std::string label = {}, std::optional<std::uint64_t> requests = {});
    // After the command has ended (or to give up waiting for it): reads what is left, finds functions and lines,
    // writes the recording file, and returns what it holds. Throws Error{system} with advice where nothing was
    // recorded (the tracker never started in the process that did the work).
    HeapProfile finish();

  private:
    struct State;
    explicit Recorder(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace leakline::heap
