// What a recorder holds between its start (recorder_start.cpp) and its end (recorder.cpp).
#pragma once

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "heap/internal/agent_files.hpp"
#include "heap/internal/attach.hpp"
#include "heap/internal/attached_list.hpp"
#include "heap/internal/collector.hpp"
#include "heap/internal/control_message.hpp"
#include "heap/internal/deferred_file.hpp"
#include "heap/internal/descendant_attacher.hpp"
#include "heap/internal/forked_children.hpp"
#include "heap/internal/passed_over.hpp"
#include "heap/internal/python_search.hpp"
#include "heap/internal/recording_follower.hpp"
#include "heap/internal/unwinder.hpp"
#include "heap/preflight.hpp"
#include "heap/recorder.hpp"
#include "heap/tracker.hpp"
#include "system/descriptor.hpp"
#include "system/stop.hpp"
#include "unwind/follow_block.hpp"

namespace leakline::heap {

class AttachBeats;

struct Recorder::State {
    RecordOptions options;
    std::string program;
    std::vector<std::string> warnings;
    DeferredFile output, raw_output;
    Descriptor memory, control, holders;
    pid_t collector = -1;
    std::optional<AgentFiles> agent;
    std::vector<HolderSearch> searched;  // in processes that were asked for their holders
    struct AttachedProcess {
        int pid = 0;
        Attached attached;
    };
    std::vector<AttachedProcess> attached;             // at the start; the first: options.attach_to
    std::vector<DescendantAttacher::Refused> refused;  // descendants that could not be attached to then
    std::optional<AttachedList> list;                  // those that are attached to now, where any are
    std::optional<RecordingFollower> follower;
    std::optional<Child> child;
    std::optional<ForkedChildren> children;
    int children_of = 0;  // the recorded process: behind a wrapper another one may take its place
    PassedOver passed_over;
    Nanoseconds next_look{};
    bool own_unwinder = false;                // ours is loaded into the program
    Descriptor follow_library, follow_block;  // where programs behind a wrapper are followed
    unwind::FollowBlock* followed = nullptr;  // follow_block, mapped
    std::string interpreter;                  // heaptrack's, which names addresses

    ~State() {
        if (collector <= 0)  // no collector that would do it
            for (const AttachedProcess& process : attached) process.attached.segment->ask_to_leave();
        child.reset();
        control.close();
        reap_collector();
        output.discard();
        raw_output.discard();
        if (followed != nullptr) ::munmap(followed, sizeof *followed);
    }
    // Of the program that is followed, what can be known before it runs.
    void follow(const std::string& executable, Preflight& preflight, bool with_agent);
    void fill_block(const std::string& preload, const std::string& stream);
    // The collector ends after the service has ended and the control socket is closed.
    void reap_collector() {
        if (collector <= 0) return;
        while (::waitpid(collector, nullptr, 0) < 0 && errno == EINTR) {
        }
        remove_helper(collector);
        collector = -1;
    }
    Descriptor open_control() {
        int sockets[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
            throw os_error(ErrorKind::system, "record", "cannot create a socket pair", errno);
        control = Descriptor(sockets[0]);
        return Descriptor(sockets[1]);
    }
    int recording() const { return options.output.empty() ? memory.get() : output.get(); }

    bool send(const control::Message& message) {
        return ::send(control.get(), &message, sizeof message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof message);
    }
    // Nothing if the collector has ended.
    template <class Request>
    std::optional<typename Request::Answer> ask(const Request& request) {
        if (!send(request)) return std::nullopt;
        typename Request::Answer answer;
        ssize_t count;
        do count = ::recv(control.get(), &answer, sizeof answer, 0);
        while (count < 0 && errno == EINTR);
        return count == static_cast<ssize_t>(sizeof answer) ? std::optional(answer) : std::nullopt;
    }
    // The path of the collector's descriptor that the service opens.
    struct Paths {
        std::string stream, guard, unwinder, follow, block;  // those that there are
    };
    Paths start_collector(const Tracker& tracker, Operators operators);
    void start_with_tracker(const std::string& allocator, const std::string& preloaded, Command& command);
    void start_with_agent(const std::string& allocator, const std::string& preloaded, Command& command);
    void open_output();
    void attach();
    void attach_descendants(Bytes interval, AttachBeats& beats);
    CollectorOptions collector_options(int other_end) const;
    void fork_collector(const CollectorOptions& collect);
    [[noreturn]] void explain_nothing(control::Outcome outcome, const std::string& text) const;
};

}  // namespace leakline::heap
