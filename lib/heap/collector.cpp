#include "heap/collector.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "heap/byte_classes.hpp"
#include "heap/fields.hpp"
#include "heap/line_buffer.hpp"
#include "heap/raw_recording.hpp"
#include "heap/raw_tee.hpp"
#include "heap/recording_file.hpp"
#include "heap/symbols.hpp"

namespace leakline::heap {

namespace {

// A process that is gone so soon, with a child still there, was only the starter of the child.
constexpr Nanoseconds kDaemonParent = std::chrono::seconds(2);

constexpr int kFirstLooks = 100;  // milliseconds

// The tracker writes 4 KiB at a time. Taking each for itself costs a switch to this process and back, as much as reading
// what is in it; so little is left to become more for a while, where the pipe has room for it.
constexpr std::size_t kRoomyPipe = std::size_t{512} << 10, kWorthTaking = std::size_t{64} << 10;
constexpr int kPause = 1;  // milliseconds

// Where the stack of a process starts: another place after every exec, as stacks are placed at random. 0: not known.
std::uint64_t stack_start(int pid) {
    constexpr int kField = 28, kFirstBehindName = 3;  // proc(5): "startstack" and "state"
    const auto text = read_small_file(fmt::format("/proc/{}/stat", pid));
    std::size_t at = text ? text->rfind(") ") : std::string::npos;
    if (at == std::string::npos) return 0;
    at += 2;
    for (int field = kFirstBehindName; field < kField; ++field) {
        at = text->find(' ', at);
        if (at == std::string::npos) return 0;
        ++at;
    }
    return std::strtoull(text->c_str() + at, nullptr, 10);
}

// Whether a process was started without the tracker: what it starts itself is, since the tracker takes LD_PRELOAD out of
// the environment. Programs that write a title over their environment leave nothing there to go by.
bool started_without_tracker(int pid) {
    const auto text = read_small_file(fmt::format("/proc/{}/environ", pid));
    return text && text->find("PATH=") != std::string::npos && text->find("LD_PRELOAD=") == std::string::npos;
}

class Collector {
  public:
    explicit Collector(const CollectorOptions& options)
        : options_(options),
          recording_({options.record.mark_interval, options.record.max_marks, "stream"},
                     [this](HeapMark mark) { write(mark); }),
          writer_(options.output),
          tee_(options.raw_output),
          roomy_(::fcntl(options.stream, F_GETPIPE_SZ) >= static_cast<int>(kRoomyPipe)) {}

    void run() {
        while (!stream_ended_ || control_open_) {
            wait();
            if (service_ended_) drain_what_is_there();
            if (stream_ended_ && !control_open_) break;
        }
        if (!finished_) finish();
    }

  private:
    // Returns when something has happened, having dealt with it.
    void wait() {
        const bool pausing = std::exchange(pause_, false);
        std::array<pollfd, 3> polls{{{stream_ended_ || pausing ? -1 : options_.stream, POLLIN, 0},
                                     {control_open_ ? options_.control : -1, POLLIN, 0},
                                     {service_ended_ ? -1 : service_, POLLIN, 0}}};
        // Until the tracker's first 4 KiB come, its silence can mean that the process has become another program.
        const int time = pausing ? kPause : received_ || pid_ <= 0 ? -1 : kFirstLooks;
        const int count = ::poll(polls.data(), polls.size(), time);
        if (count < 0 || (count == 0 && pausing)) return;  // EINTR, or the pause is over: look again
        if (count == 0) look_at_service();
        // Control before data: a mark must be known before the stream passes its time.
        if (polls[1].revents != 0) control();
        if (polls[0].revents != 0 && !stream_ended_) receive();
        if (polls[2].revents != 0) service_has_ended();
    }

    bool receive() {
        const auto space = buffer_.space();
        if (buffer_.take_overlong()) overlong_ = true;
        ssize_t count;
        do count = ::read(options_.stream, space.data(), space.size());
        while (count < 0 && errno == EINTR);
        if (count < 0 && errno == EAGAIN) return false;
        if (count <= 0) {
            stream_ended_ = true;
            look_at_service();
            return false;
        }
        pause_ = roomy_ && static_cast<std::size_t>(count) < kWorthTaking;
        if (!received_) {
            received_ = true;
            close_write_end();
            if (::ftruncate(options_.output, 0) == 0) ::lseek(options_.output, 0, SEEK_SET);
        }
        if (finished_ || broken_) return true;  // only drained now
        const auto bytes = std::string_view(space.data(), static_cast<std::size_t>(count));
        tee_.write(bytes);
        try {
            std::string_view lines = buffer_.filled(bytes.size());
            if (overlong_ && !lines.empty()) {  // its end: no record
                overlong_ = false;
                recording_.left_out();
                lines.remove_prefix(lines.find('\n') + 1);
            }
            place_marks(lines);
            recording_.take(lines);
        } catch (const std::exception& error) {
            broken_ = true;
            problem_ = error.what();
        }
        return true;
    }

    // The tracker counts milliseconds from a start of its own. What has just arrived was written before now, so that
    // start was no later than now - the newest tick in it; the earliest such bound is within a tick of the truth. Marks
    // wait until the stream holds their time: then as much as can be is known of that start.
    void place_marks(std::string_view lines) {
        const std::size_t last = last_pair(lines, '\n', 'c');
        if (last == std::string_view::npos) return;
        std::uint64_t tick = 0;
        const std::string_view line = lines.substr(last + 1, lines.find('\n', last + 1) - last - 1);
        if (!Fields(line).hex(tick) || tick > std::uint64_t{1} << 42) return;
        const Nanoseconds newest = std::chrono::milliseconds(tick);
        const Nanoseconds bound = system_clock().monotonic() - newest;
        if (!tracker_start_ || bound < *tracker_start_) tracker_start_ = bound;
        while (!waiting_.empty() && waiting_.front().at - *tracker_start_ <= newest) {
            waiting_.front().at = std::max(waiting_.front().at - *tracker_start_, Nanoseconds::zero());
            recording_.ask(std::move(waiting_.front()));
            waiting_.pop_front();
        }
    }

    void control() {
        ControlMessage message;
        const ssize_t count = ::recv(options_.control, &message, sizeof message, 0);
        if (count < 0 && errno == EINTR) return;
        if (count != static_cast<ssize_t>(sizeof message)) {
            control_open_ = false;  // the command line is gone: we carry on
            if (service_ < 0) service_has_ended();
            return;
        }
        switch (message.kind) {
            case ControlMessage::Kind::start:
                pid_ = static_cast<int>(message.number);
                stack_start_ = stack_start(pid_);
                service_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
                if (service_ < 0) service_has_ended();
                answer(message);
                break;
            case ControlMessage::Kind::mark: {
                MarkSchedule::Asked mark{static_cast<HeapMark::Kind>(message.mark_kind), message.text, {}, {}};
                if (message.number != 0) mark.requests = message.number - 1;
                mark.at = Nanoseconds(message.time);
                waiting_.push_back(std::move(mark));
                message.time = recording_.tick_gap().count();
                answer(message);
                break;
            }
            case ControlMessage::Kind::settle:
                message.number = stream_ended_ ? 0 : waiting_.size() + recording_.pending_marks();
                answer(message);
                break;
            case ControlMessage::Kind::finish:
                killed_ = message.number != 0;
                look_for_end();
                drain_what_is_there();
                finish();
                message.number = static_cast<std::uint64_t>(outcome());
                std::snprintf(message.text, sizeof message.text, "%s",
                              message.number == static_cast<std::uint64_t>(Outcome::replaced) ? became_.c_str()
                                                                                              : problem_.c_str());
                answer(message);
                break;
        }
    }
    void answer(const ControlMessage& message) { ::send(options_.control, &message, sizeof message, MSG_NOSIGNAL); }

    // Nothing more can come from a process that has ended: what it wrote is in the pipe. The end of the stream is not
    // waited for, since a forked child of the service may hold the pipe open for ever without writing to it.
    void drain_what_is_there() {
        if (stream_ended_) return;
        ::fcntl(options_.stream, F_SETFL, O_NONBLOCK);
        while (receive()) {}
        ::fcntl(options_.stream, F_SETFL, 0);
        if (!service_ended_) return;
        held_by_child_ = !stream_ended_ && received_;
        stream_ended_ = true;
    }

    // The end of the service can be known to the command line before we have been told.
    void look_for_end() {
        pollfd end{service_, POLLIN, 0};
        if (service_ >= 0 && !service_ended_ && ::poll(&end, 1, 0) > 0) service_has_ended();
    }

    void service_has_ended() {
        service_ended_ = true;
        close_write_end();
    }

    // A process that lives on under another program has called exec.
    void look_at_service() {
        if (pid_ <= 0 || service_ended_ || !became_.empty()) return;
        const std::string link = fmt::format("/proc/{}/exe", pid_);
        char path[4096];
        const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
        if (length <= 0) return;
        const std::string_view executable(path, static_cast<std::size_t>(length));
        const std::uint64_t stack = stack_start(pid_);
        const bool anew = stack_start_ != 0 && stack != 0 && stack != stack_start_;
        if (executable != options_.executable || anew || started_without_tracker(pid_)) became_ = executable;
    }

    void close_write_end() {
        if (options_.write_end >= 0) ::close(std::exchange(options_.write_end, -1));
    }

    void write(const HeapMark& mark) {
        if (!writer_.header_written())
            writer_.header(Nanoseconds(options_.started_wall), recording_);
        writer_.mark(mark, recording_);
    }

    void finish() {
        if (std::exchange(finished_, true)) return;
        if (!received_ || (broken_ && !recording_.started())) return;
        for (MarkSchedule::Asked& mark : waiting_) recording_.ask(std::move(mark));
        waiting_.clear();
        recording_.finish(buffer_.rest());
        tee_.finish();
        Symbols symbols = find_symbols(recording_.symbols(), options_.interpreter);
        RecordingWriter::End end;
        end.duration = recording_.now();
        if (recording_.torn() || broken_) end.completeness = Completeness::torn;
        else if (killed_ || !recording_.ends_with_tick()) end.completeness = Completeness::final_tick;
        if (!symbols.problem.empty()) end.warnings.push_back(symbols.problem);
        if (!became_.empty()) {
            end.warnings.push_back(fmt::format("it replaced itself by {} (exec), which was not recorded", became_));
        } else if (held_by_child_) {
            end.warnings.push_back("it ended and left a forked child running, which was not recorded");
        }
        writer_.finish(end, recording_, recording_.damage(), symbols);
        if (problem_.empty() && writer_.error() != 0) problem_ = os_reason(writer_.error());
        else if (problem_.empty() && tee_.error() != 0)
            problem_ = fmt::format("{}: {}", options_.record.keep_raw, os_reason(tee_.error()));
    }

    Outcome outcome() const {
        if (!became_.empty()) return Outcome::replaced;
        if (!received_) return Outcome::nothing;
        if (broken_) return Outcome::failed;
        if (held_by_child_ && recording_.now() < kDaemonParent) return Outcome::daemon;
        return writer_.error() != 0 || tee_.error() != 0 ? Outcome::write_failed : Outcome::recorded;
    }

    CollectorOptions options_;
    LineBuffer buffer_;
    RawRecording recording_;
    RecordingWriter writer_;
    RawTee tee_;
    const bool roomy_;
    bool pause_ = false;
    int service_ = -1, pid_ = -1;
    std::uint64_t stack_start_ = 0;
    std::optional<Nanoseconds> tracker_start_;
    std::deque<MarkSchedule::Asked> waiting_;  // asked for, at times of our clock; the stream is not there yet
    bool stream_ended_ = false, control_open_ = true, service_ended_ = false, received_ = false, finished_ = false;
    bool broken_ = false, held_by_child_ = false, killed_ = false, overlong_ = false;
    std::string problem_, became_;
};

void close_everything_but(std::vector<int> kept) {
    std::sort(kept.begin(), kept.end());
    unsigned next = 3;
    for (const int descriptor : kept) {
        if (descriptor < static_cast<int>(next)) continue;
        if (static_cast<unsigned>(descriptor) > next) ::close_range(next, static_cast<unsigned>(descriptor) - 1, 0);
        next = static_cast<unsigned>(descriptor) + 1;
    }
    ::close_range(next, ~0u, 0);
}

}  // namespace

void run_collector(const CollectorOptions& options) {
    ::setsid();  // a terminal's signals are not for us
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) ::signal(number, SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::prctl(PR_SET_NAME, "heap-collector");
    // Whoever waits for the end of our caller's output must not wait for us.
    const int null = ::open("/dev/null", O_RDWR);
    for (int standard = 0; standard < 3; ++standard) ::dup2(null, standard);
    close_everything_but(
        {options.stream, options.write_end, options.control, options.output, options.raw_output});
    try {
        Collector(options).run();
    } catch (...) {
        ::_exit(1);  // out of memory: nobody is left to tell
    }
    ::_exit(0);
}

}  // namespace leakline::heap
