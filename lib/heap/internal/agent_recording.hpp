// Aggregates the segments of a program's processes at marks: segments in, marks out. The counterpart of RawRecording.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "heap/internal/mark_schedule.hpp"
#include "heap/internal/module_tables.hpp"
#include "heap/internal/raw_recording.hpp"
#include "heap/internal/segment_file.hpp"
#include "heap/recorder.hpp"
#include "model/heap.hpp"
#include "system/process_root.hpp"

namespace leakline::heap {

class AgentRecording {
  public:
    // One image of a process. Its address stays valid until it is removed.
    class Process {
      public:
        Process(SegmentReader segment, int pid) : segment_(std::move(segment)), pid_(pid) {}

        const SegmentReader& segment() const { return segment_; }
        // Reads the segment for the last time, after the process has ended. Its live blocks no longer count; its allocations do.
        void read_last() {
            segment_.read();
            ended_ = true;
        }
        bool has_ended() const { return ended_; }

      private:
        friend class AgentRecording;
        struct Known {  // a live sample at the previous mark
            std::uint64_t number = 0, interval = 0;
            std::uint32_t trace = 0;
            double variance = 0;
        };
        struct Counted {
            double allocations = 0;
            std::uint64_t bytes = 0;
        };
        SegmentReader segment_;
        int pid_;                                             // as we know it
        const ProcessRoot* files_ = nullptr;                  // where its code is
        std::uint32_t root_ = 0;                              // trace of its own frame; 0: processes are summed
        bool ended_ = false, was_empty_ = false;              // was_empty_: no live blocks in the previous mark
        std::vector<std::uint32_t> trace_of_stack_;           // 0: not known yet
        std::unordered_map<std::uint64_t, IpId> python_ips_;  // by the frame as the segment has it
        std::vector<Known> known_;                            // by place in the segment
        std::vector<Counted> counted_;                        // per stack, at the previous mark
    };

    // executable, command: of the recorded program. attached: it ran before.
    AgentRecording(std::string executable, std::string command, Children children, bool attached = false);
    AgentRecording(const AgentRecording&) = delete;  // the module tables refer to symbols_
    AgentRecording& operator=(const AgentRecording&) = delete;

    // pid: where it is not the segment's, as in a PID namespace; 0: it is.
    Process& add(SegmentReader segment, int pid = 0);
    // Counts what a process that has ended had allocated, and forgets it.
    void remove(Process& process);

    // Reads all segments and returns the changes since the previous mark. at: since the start of the recording. also: an ended process
    // whose live blocks count all the same, or null.
    HeapMark mark(MarkSchedule::Requested asked, Nanoseconds at, std::optional<Bytes> rss, const Process* also = nullptr);
    void resident(Nanoseconds at, Bytes bytes);

    const SymbolFeed& symbols() const { return symbols_; }
    RecordedTables tables() const;
    // origin: start of the recording, CLOCK_MONOTONIC. The costs by trace are those of the highest mark.
    RecordedPeak peak(Nanoseconds origin) const;
    // Warnings about the quality of the estimates: lost samples, missed frees, ...
    std::vector<std::string> warnings() const;

  private:
    struct Live {
        double bytes = 0, blocks = 0, variance = 0;
    };
    struct Quality {  // of processes' estimates
        SegmentReader::Losses losses;
        std::uint64_t sampled = 0;
        std::size_t processes = 0, stopped = 0, unknown_python = 0;
        std::set<std::string> unseen_allocators;  // warnings

        void add(const SegmentReader& segment);
    };

    void take(Process& process, bool live);
    void take_open(Process& process);
    void take_threads(Process& process);
    void count_open(Resource resource, Process& process, std::uint32_t stack);
    std::uint32_t trace_of(Process& process, std::uint32_t stack);
    std::uint32_t root_of(const SegmentReader& segment);
    const ProcessRoot& files_of(int pid);
    IpId ip_of(const Process& process, std::uint64_t return_address, std::uint32_t epoch);
    IpId python_ip_of(Process& process, std::uint64_t frame);
    IpId add_named(std::string function, std::string file, std::uint32_t line);

    SymbolFeed symbols_;
    ModuleTables modules_;
    std::string command_;
    const Children children_;
    const bool attached_;
    std::list<Process> processes_;
    std::list<ProcessRoot> roots_;  // each once
    Quality removed_;
    std::unordered_map<std::string, std::uint32_t> path_numbers_;                     // of the files of code; 0: no file
    std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint32_t> ip_ids_;         // by file number and offset
    std::map<std::tuple<std::string, std::string, std::uint32_t>, IpId> python_ips_;  // by file, function and line
    std::unordered_map<std::uint64_t, std::uint32_t> trace_ids_;                      // by ip and parent
    std::vector<TraceNode> traces_;
    std::vector<Live> live_;  // per trace, at the current mark
    std::vector<double> allocations_, turnover_;
    std::vector<std::uint64_t> allocated_;
    double overhead_ = 0;
    std::array<std::vector<std::uint64_t>, kResourceCount> open_, open_written_;  // per trace, at the current mark and the previous
    std::vector<TraceCost> written_;                                              // at the previous mark
    std::vector<RssPoint> rss_;
    RssTicks rss_ticks_;
    RecordedPeak peak_;
    double events_ = 0;
    Sampling sampling_;
};

}  // namespace leakline::heap
