#include "heap/internal/collector.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "heap/internal/control_message.hpp"
#include "heap/internal/generated_code.hpp"
#include "heap/internal/line_buffer.hpp"
#include "heap/internal/mark_clock.hpp"
#include "heap/internal/raw_recording.hpp"
#include "heap/internal/raw_tee.hpp"
#include "heap/internal/recording_file.hpp"
#include "heap/internal/symbols.hpp"
#include "heap/internal/traced_process.hpp"
#include "system/clock.hpp"
#include "unwind/follow_block.hpp"

namespace leakline::heap {

namespace {

// At its exit a process closes the stream shortly before it ends. One that runs for longer has lost it.
constexpr Nanoseconds kExitGrace = std::chrono::seconds(2);

constexpr int kFirstCheck = 100;  // milliseconds

// The tracker writes 4 KiB at a time. Taking each for itself costs a switch to this process and back, as much as reading
// what is in it; so little is left to become more for a while, where the pipe has room for it.
constexpr std::size_t kLargePipe = std::size_t{512} << 10, kMinRead = std::size_t{64} << 10;
constexpr int kPause = 1;  // milliseconds

constexpr int kFlushTee = 1000;  // milliseconds: how long a quiet program's raw records may wait for the file

class Collector {
  public:
    explicit Collector(const CollectorOptions& options)
        : options_(options),
          service_(options.executable),
          recording_(new_recording()),
          writer_(options.output),
          tee_(std::in_place, options.raw_output),
          large_pipe_(::fcntl(options.stream, F_GETPIPE_SZ) >= static_cast<int>(kLargePipe)) {}

    void run() {
        while (!stream_ended_ || control_open_) {
            wait();
            if (service_.ended()) drain_what_is_there();
            if (stream_ended_ && !control_open_) break;
        }
        if (!finished_) finish();
    }

  private:
    // Waits for an event and handles it.
    void wait() {
        const bool pausing = std::exchange(pause_, false);
        std::array<pollfd, 3> polls{{{stream_ended_ || pausing ? -1 : options_.stream, POLLIN, 0},
                                     {control_open_ ? options_.control : -1, POLLIN, 0},
                                     {service_.descriptor(), POLLIN, 0}}};
        // Until the tracker's first 4 KiB come, its silence can mean that the process has become another program.
        const int time = pausing                                              ? kPause
                         : !received_ && service_.known() && !options_.follow ? kFirstCheck
                         : tee_->holds_something()                            ? kFlushTee
                                                                              : -1;
        const int count = ::poll(polls.data(), polls.size(), time);
        tee_->flush(system_clock().monotonic());
        if (count < 0 || (count == 0 && pausing)) return;  // EINTR, or the pause is over: check again
        if (count == 0 && !received_ && !options_.follow) service_.check_for_exec();
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
            end_of_stream_ = system_clock().monotonic();
            if (!options_.follow) service_.check_for_exec();
            return false;
        }
        pause_ = large_pipe_ && static_cast<std::size_t>(count) < kMinRead;
        if (!received_) {
            received_ = true;
            first_data_ = system_clock().monotonic();
            if (!options_.follow) close_write_end();                       // otherwise another program may be recorded later
            for (const int file : {options_.output, options_.raw_output})  // of an older recording, until now
                if (file >= 0 && ::ftruncate(file, 0) == 0) ::lseek(file, 0, SEEK_SET);
        }
        if (finished_ || broken_) return true;  // now only discarded
        const auto bytes = std::string_view(space.data(), static_cast<std::size_t>(count));
        try {
            std::string_view lines = buffer_.filled(bytes.size());
            if (options_.follow)
                lines = after_announcement(lines, bytes);
            else
                tee_->write(bytes);
            if (overlong_ && !lines.empty()) {  // the end of a discarded line, not a record
                overlong_ = false;
                recording_.left_out();
                lines.remove_prefix(lines.find('\n') + 1);
            }
            take_lines(lines);
        } catch (const std::exception& error) {
            broken_ = true;
            problem_ = error.what();
        }
        return true;
    }

    void take_lines(std::string_view lines) {
        if (lines.empty()) return;
        marks_.see(lines, system_clock().monotonic(), [this](MarkSchedule::Requested mark) { recording_.request_mark(std::move(mark)); });
        recording_.take(lines);
    }

    // A program started by the wrapper announces that it is recorded from here on. Earlier data was a helper's, in the raw
    // stream as well, which gets only those of the bytes read last that follow the announcement.
    std::string_view after_announcement(std::string_view lines, std::string_view bytes) {
        const char* const end = bytes.data() + bytes.size();
        for (std::size_t at; (at = lines.find(unwind::kFollowMark)) != lines.npos;) {
            std::string_view rest = lines.substr(at + std::strlen(unwind::kFollowMark));
            const std::string_view number = rest.substr(0, rest.find('\n'));
            std::from_chars(number.data(), number.data() + number.size(), recorded_pid_);
            lines = rest.substr(std::min(rest.size(), number.size() + 1));
            overlong_ = false;
            start_anew();
            bytes = {lines.data(), end};
        }
        tee_->write(bytes);
        return lines;
    }
    void start_anew() {
        recording_ = new_recording();
        writer_ = RecordingWriter(options_.output);
        for (const int file : {options_.output, options_.raw_output})
            if (file >= 0 && ::ftruncate(file, 0) == 0) ::lseek(file, 0, SEEK_SET);
        tee_.emplace(options_.raw_output);
        MarkClock marks;
        for (MarkSchedule::Requested& mark : marks_.take_remaining()) marks.request_mark(std::move(mark));
        marks_ = std::move(marks);
        first_data_ = system_clock().monotonic();
    }
    RawRecording new_recording() {
        return RawRecording({options_.record.mark_interval, options_.record.max_marks, "stream"},
                            [this](HeapMark mark) { write(std::move(mark)); });
    }

    void control() {
        if (control::receive(options_.control, [this](const auto& request) { return take(request); })) return;
        control_open_ = false;  // continue alone
        if (!service_.known()) service_has_ended();
    }
    void take(const control::Forked& service) {
        service_.forked(service.process);
        if (!options_.follow) recorded_pid_ = service.process;
    }
    control::Started::Answer take(const control::Started& service) {
        service_.started(service.process);
        if (!options_.follow) recorded_pid_ = service.process;
        if (service_.ended()) service_has_ended();
        return {};
    }
    control::Mark::Answer take(const control::Mark& mark) {
        marks_.request_mark({mark.kind, mark.label.bytes, mark.requests, mark.at, in_use_, retained_});
        return {recording_.tick_gap()};
    }
    void take(const control::Allocator& state) {
        in_use_ = state.in_use;
        retained_ = state.retained;
    }
    control::WhichProcess::Answer take(const control::WhichProcess&) const { return {recorded_pid_}; }
    control::MarksLeft::Answer take(const control::MarksLeft&) const {
        return {stream_ended_ ? 0 : marks_.waiting() + recording_.pending_marks()};
    }
    void take(const control::Warning& warning) { warnings_.emplace_back(warning.text.bytes); }
    control::Finish::Answer take(const control::Finish& end) {
        killed_ = end.killed;
        if (service_.ends_now()) service_has_ended();  // known to the command line before we were told
        drain_what_is_there();
        finish();
        return {outcome(), control::Text(explanation())};
    }

    // Nothing more can come from a process that has ended: what it wrote is in the pipe. The end of the stream is not
    // waited for, since a forked child of the service may hold the pipe open for ever without writing to it.
    void drain_what_is_there() {
        if (stream_ended_) return;
        ::fcntl(options_.stream, F_SETFL, O_NONBLOCK);
        while (receive()) {
        }
        ::fcntl(options_.stream, F_SETFL, 0);
        if (!service_.ended()) return;
        held_by_child_ = !stream_ended_ && received_;
        stream_ended_ = true;
    }

    void service_has_ended() {
        if (!service_.ended()) see_loss();
        service_.has_ended();
        close_write_end();
    }

    // Whether the service continued after the end of its stream. What it did then is unknown.
    void see_loss() {
        if (end_of_stream_ && service_.known() && system_clock().monotonic() - *end_of_stream_ > kExitGrace) stream_lost_ = true;
    }

    void close_write_end() {
        if (options_.write_end >= 0) ::close(std::exchange(options_.write_end, -1));
    }

    void write(HeapMark mark) {
        if (mark.kind != HeapMark::Kind::start && !mark.allocator_in_use) {
            mark.allocator_in_use = in_use_;
            mark.allocator_retained = retained_;
        }
        if (!writer_.header_written()) writer_.header(Nanoseconds(options_.started_wall), recording_.tables());
        writer_.mark(mark, recording_.tables());
    }

    void finish() {
        if (std::exchange(finished_, true)) return;
        if (!service_.ended()) see_loss();
        if (!received_ || (broken_ && !recording_.started())) return;
        for (MarkSchedule::Requested& mark : marks_.take_remaining()) recording_.request_mark(std::move(mark));
        recording_.finish(buffer_.rest());
        tee_->finish();
        RecordingWriter::End end;
        end.duration = recording_.now();
        if (recording_.torn() || broken_)
            end.completeness = Completeness::torn;
        else if (killed_ || !recording_.ends_with_tick())
            end.completeness = Completeness::final_tick;
        end.warnings = std::move(warnings_);
        if (!service_.became().empty()) {
            end.warnings.push_back(fmt::format("it replaced itself with {} (exec), which was not recorded", service_.became()));
        } else if (held_by_child_) {
            end.warnings.push_back("it ended and left a forked child running, which was not recorded");
        } else if (stream_lost_) {
            end.warnings.push_back("it closed the tracker's stream and went on: what it did from then on was not recorded");
        }
        finish_recording(writer_, std::move(end), recording_.tables(), recording_.peak(), recording_.damage(), options_.interpreter);
        if (problem_.empty() && writer_.error() != 0)
            problem_ = os_reason(writer_.error());
        else if (problem_.empty() && tee_->error() != 0)
            problem_ = os_reason(tee_->error());
    }

    control::Outcome outcome() const {
        using enum control::Outcome;
        if (!service_.became().empty()) return replaced;
        if (!received_) return nothing;
        if (stream_lost_) return stream_closed;
        if (broken_) return failed;
        if (held_by_child_ && recording_.now() < control::kDaemonParent) return daemon;
        if (writer_.error() != 0) return write_failed;
        return tee_->error() != 0 ? raw_write_failed : recorded;
    }

    std::string explanation() const {
        using enum control::Outcome;
        switch (outcome()) {
            case replaced: return service_.became();
            case stream_closed: return format_duration(*end_of_stream_ - first_data_);
            default: return problem_;
        }
    }

    CollectorOptions options_;
    TracedProcess service_;
    MarkClock marks_;
    LineBuffer buffer_;
    RawRecording recording_;
    RecordingWriter writer_;
    std::optional<RawTee> tee_;
    const bool large_pipe_;
    std::optional<Bytes> in_use_, retained_;  // as the command line read it last
    bool pause_ = false;
    bool stream_ended_ = false, control_open_ = true, received_ = false, finished_ = false;
    bool broken_ = false, held_by_child_ = false, killed_ = false, overlong_ = false, stream_lost_ = false;
    Nanoseconds first_data_{};
    std::optional<Nanoseconds> end_of_stream_;  // where it was not the service's own end that ended it
    std::string problem_;
    std::vector<std::string> warnings_;
    int recorded_pid_ = 0;
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

void detach_collector(const char* name, std::vector<int> kept) {
    ::setsid();  // ignore a terminal's signals
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) ::signal(number, SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::prctl(PR_SET_NAME, name);
    // Programs that wait for the end of the caller's output must not wait for this process.
    const int null = ::open("/dev/null", O_RDWR);
    for (int standard = 0; standard < 3; ++standard) ::dup2(null, standard);
    close_everything_but(std::move(kept));
}

void finish_recording(RecordingWriter& writer, RecordingWriter::End end, const RecordedTables& tables, const RecordedPeak& peak,
                      const Diagnostics& damage, const std::string& interpreter) {
    Symbols symbols = find_symbols(tables.symbols, interpreter);
    ::unsetenv("DEBUGINFOD_URLS");  // no network here
    mark_generated_code(tables.symbols, symbols);
    if (!symbols.problem.empty()) end.warnings.push_back(symbols.problem);
    writer.finish(end, tables, peak, damage, symbols);
}

void run_collector(const CollectorOptions& options) {
    detach_collector("heap-collector", {options.stream, options.write_end, options.control, options.libraries[0], options.libraries[1],
                                        options.libraries[2], options.libraries[3], options.output, options.raw_output});
    try {
        Collector(options).run();
    } catch (...) {
        ::_exit(1);  // out of memory: it cannot be reported
    }
    ::_exit(0);
}

}  // namespace leakline::heap
