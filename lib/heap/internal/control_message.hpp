// What the command line (and the service, before its exec) says to the collecting process, one packet of a SOCK_SEQPACKET
// each. A request names its answer, where it has one, by which the requester waits. Both ends are of one fork of one
// program: values go over as they are in memory. Inside lib/heap only.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "base/quantities.hpp"
#include "model/heap.hpp"

namespace leakline::heap::control {

// Text cut to what a packet holds.
struct Text {
    char bytes[1024] = {};

    Text() = default;
    explicit Text(const std::string& text) { std::snprintf(bytes, sizeof bytes, "%s", text.c_str()); }
};

// A process that ends this early, while a child still runs, only started the child.
inline constexpr Nanoseconds kDaemonParent = std::chrono::seconds(2);

// Result of a recording; the command line decides what to print of it.
enum class Outcome {
    recorded,          // the recording is in the file
    nothing,           // the tracker never said a word
    replaced,          // the process called exec, and what runs since is not tracked; text: its executable
    daemon,            // the process ended at once and left a child that is not tracked
    stream_closed,     // the process closed the tracker's stream and went on without it; text: how long it was recorded
    write_failed,      // text: the reason
    raw_write_failed,  // of --keep-raw, the recording being whole; text: the reason
    failed,            // text: the reason
};

// The service itself, before its exec: it will run as this process, whatever becomes of the command line.
struct Forked {
    pid_t process = 0;
};
// The service runs as this process.
struct Started {
    struct Answer {};
    pid_t process = 0;
};
struct Mark {
    struct Answer {
        Nanoseconds tick_gap{};  // how far apart ticks are now
        bool set = false;        // the mark is already recorded
    };
    HeapMark::Kind kind = HeapMark::Kind::round_end;
    std::optional<std::uint64_t> requests;
    Nanoseconds at{};  // of CLOCK_MONOTONIC
    Text label;
};
// From now on marks have what malloc says of itself.
struct Allocator {
    Bytes in_use = 0, retained = 0;
};
struct WhichProcess {
    struct Answer {
        pid_t recorded = 0;  // 0: none yet, or no longer one that was attached to
    };
};
struct MarksLeft {
    struct Answer {
        std::size_t marks = 0;  // that were asked for and are still to come
    };
};
// Belongs into the recording.
struct Warning {
    Text text;
};
// Read what is left and write the end.
struct Finish {
    struct Answer {
        Outcome outcome = Outcome::nothing;
        Text text;
    };
    bool killed = false;  // a signal ended the service
};

using Message = std::variant<Forked, Started, Mark, Allocator, WhichProcess, MarksLeft, Warning, Finish>;
static_assert(std::is_trivially_copyable_v<Message>);

// Receives a message from the command line, and sends it what take(message) returns, if that is something. False: the command line
// has ended.
template <typename Take>
bool receive(int socket, Take take) {
    Message message;
    const ssize_t count = ::recv(socket, &message, sizeof message, 0);
    if (count < 0 && errno == EINTR) return true;
    if (count != static_cast<ssize_t>(sizeof message)) return false;
    std::visit(
        [&](const auto& request) {
            if constexpr (std::is_void_v<decltype(take(request))>) {
                take(request);
            } else {
                const auto answer = take(request);
                ::send(socket, &answer, sizeof answer, MSG_NOSIGNAL);
            }
        },
        message);
    return true;
}

}  // namespace leakline::heap::control
