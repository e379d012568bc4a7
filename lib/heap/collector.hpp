// The process that takes in what the tracker writes. It is a process of its own because the tracked service dies of
// SIGPIPE when its reader goes, and hangs when its reader stalls: this one ignores the signals of a terminal, does
// nothing but drain, and lives until the service has ended, whatever becomes of the command line.
//
//      service --pipe--> collector --marks--> recording file
//                            ^ control: start, mark, settle, finish
//      command line ---------'
//
// When the command line is gone it carries on alone, and finishes the recording when the service has ended.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "heap/recorder.hpp"

namespace leakline::heap {

// One message of the control socket, either way (a SOCK_SEQPACKET: one message, one packet).
struct ControlMessage {
    enum class Kind : std::uint32_t {
        forked,     // the service itself, before its exec: it will run as process `number`, whatever becomes of the command line; no answer
        start,      // command line: the service runs, as process `number`;   answer: the same
        mark,       // command line: mark at `time`, see the fields;          answer: time = how far apart ticks are now
        who,        // command line: which process is recorded?               answer: number, 0: none yet
        settle,     // command line: has every mark been taken?               answer: number = marks still to come
        allocator,  // command line: from now on marks have what malloc says of itself, `number` in use and `time` retained;
                    //                                                     no answer
        warning,    // command line: text belongs into the recording; no answer
        finish,     // command line: read what is left and write the end (number: the signal that ended the service, or 0);
                    //                                                        answer: number = outcome, text
    };
    Kind kind = Kind::start;
    std::int32_t mark_kind = 0;
    std::uint64_t number = 0;  // mark: requests + 1, or 0
    std::int64_t time = 0;     // of CLOCK_MONOTONIC, in ns; allocator: bytes
    char text[1024] = {};      // mark: label
};

// How a recording went; what the command line tells its user is decided there.
enum class Outcome : std::uint64_t {
    recorded,          // the recording is in the file
    nothing,           // the tracker never said a word
    replaced,          // the process called exec, and what runs since is not tracked; text: its executable
    daemon,            // the process ended at once and left a child that is not tracked
    stream_closed,     // the process closed the tracker's stream and went on without it; text: how long it was recorded
    write_failed,      // text: the reason
    raw_write_failed,  // of --keep-raw, the recording being whole; text: the reason
    failed,            // text: the reason
};

struct CollectorOptions {
    RecordOptions record;
    int stream = -1;                               // read end of the tracker's pipe
    int write_end = -1;                            // kept open until the tracker has opened it for itself (through /proc/PID/fd)
    int control = -1;                              // our end of the socket pair
    std::array<int, 4> libraries{-1, -1, -1, -1};  // for the service to open at our /proc/PID/fd, or -1
    bool follow = false;            // the recorded process is one that announces itself in the stream (unwind/follow_block.hpp)
    int output = -1;                // the recording file; truncated when the first data arrives
    int raw_output = -1;            // --keep-raw, or -1
    std::int64_t started_wall = 0;  // ns
    std::string interpreter;
    std::string executable;  // what /proc/PID/exe says while the service runs its own program
};

// Does all of the above, then ends the process. To be called in a fresh child.
[[noreturn]] void run_collector(const CollectorOptions& options);

}  // namespace leakline::heap
