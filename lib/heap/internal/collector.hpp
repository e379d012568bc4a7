// The process that receives the tracker's output. It is a separate process because the tracked service is ended by
// SIGPIPE when its reader ends, and hangs when its reader stalls: this one ignores the signals of a terminal, only
// receives, and runs until the service has ended, even if the command line ends.
//
//      service --pipe--> collector --marks--> recording file
//                            ^ control: started, mark, ..., finish (control_message.hpp)
//      command line ---------'
//
// If the command line has ended, it continues alone, and finishes the recording when the service has ended.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "heap/internal/attached_list.hpp"
#include "heap/internal/descendant_attacher.hpp"
#include "heap/internal/recording_file.hpp"
#include "heap/recorder.hpp"

namespace leakline::heap {

struct CollectorOptions {
    RecordOptions record;
    int stream = -1;                               // read end of the tracker's pipe
    int write_end = -1;                            // kept open until the tracker has opened it for itself (through /proc/PID/fd)
    int control = -1;                              // our end of the socket pair
    std::array<int, 4> libraries{-1, -1, -1, -1};  // for the service to open at our /proc/PID/fd, or -1
    bool follow = false;   // the recorded process is one that announces itself in the stream (unwind/follow_block.hpp)
    std::string segments;  // the folder that agents write to; empty with heaptrack's tracker, and for attached agents
    struct AttachedProcess {
        int pid = 0;
        int segment = -1;  // the agent's, open for reading and writing
    };
    std::vector<AttachedProcess> attached;             // processes that an agent was attached to, the named one first
    AttachedList* list = nullptr;                      // that has these, in this order, for those that are attached to later
    std::vector<DescendantAttacher::Refused> refused;  // descendants that no agent could be attached to
    int output = -1;                                   // the recording file; truncated when the first data arrives
    int raw_output = -1;                               // --keep-raw, or -1
    int holders = -1;               // a file with the text of RecordingWriter::End::holders when the end is requested, or -1
    std::int64_t started_wall = 0;  // ns
    std::string interpreter;
    std::string executable;  // what /proc/PID/exe says while the service runs its own program
};

// Does all of the above, then ends the process. To be called in a fresh child.
[[noreturn]] void run_collector(const CollectorOptions& options);

// The same for leakline's agent: reads the segments that the agents in the service's processes write into a folder, and removes the
// folder at its end. The agents never wait for it. For attached agents: reads their segments, attaches others to processes that start
// later if that is asked for, and has them leave the processes at the end, which is when the command line has ended.
[[noreturn]] void run_agent_collector(const CollectorOptions& options);

// Looks up the names of the addresses of a recording and writes its end, with further warnings.
void finish_recording(RecordingWriter& writer, RecordingWriter::End end, const RecordedTables& tables, const RecordedPeak& peak,
                      const Diagnostics& damage, const std::string& interpreter);

// Call first in a collecting process: detaches it from the terminal, and closes all descriptors but these.
void detach_collector(const char* name, std::vector<int> kept);

}  // namespace leakline::heap
