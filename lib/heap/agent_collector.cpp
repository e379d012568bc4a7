#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <list>
#include <memory>
#include <set>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "heap/internal/agent_files.hpp"
#include "heap/internal/agent_recording.hpp"
#include "heap/internal/attached_segment.hpp"
#include "heap/internal/collector.hpp"
#include "heap/internal/control_message.hpp"
#include "heap/internal/descendant_attacher.hpp"
#include "heap/internal/traced_process.hpp"
#include "system/byte_source.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "unwind/follow_block.hpp"
#include "unwind/wrappers.hpp"

namespace leakline::heap {

namespace {

constexpr Nanoseconds kHelper = std::chrono::milliseconds(unwind::kHelper_ms);
// Interval of checks for new processes and of memory readings.
constexpr Nanoseconds kTick = std::chrono::milliseconds(20);
// Of processes that ended after their agents had left: so many have a warning each.
constexpr std::size_t kNamed = 8;
constexpr std::size_t kLargestAnswer = std::size_t{64} << 20;

class AgentCollector {
  public:
    explicit AgentCollector(const CollectorOptions& options)
        : options_(options),
          service_(options.executable),
          schedule_(options.record.mark_interval, options.record.max_marks),
          writer_(options.output) {}

    void run() {
        if (!options_.attached.empty()) begin_attached();
        while (control_open_ || (!service_.ended() && options_.attached.empty())) {
            wait();
            check();
            interval_marks();
        }
        if (!finished_) finish();
    }

  private:
    struct Watched {
        AgentRecording::Process* process;
        SegmentName name;
        std::uint64_t stack_start = 0;
        Nanoseconds ended{};
        std::unique_ptr<AttachedSegment> attached;  // null: the program was started, or has ended
        std::optional<std::size_t> listed;          // in the list of those that were attached to
    };

    Nanoseconds now() const { return system_clock().monotonic(); }

    void begin_attached() {
        service_.started(options_.attached.front().pid);
        std::vector<int> pids;
        std::size_t place = 0;
        for (const CollectorOptions::AttachedProcess& process : options_.attached) {
            add_attached(process.pid, std::make_unique<AttachedSegment>(Descriptor(process.segment)), place++);
            pids.push_back(process.pid);
        }
        if (options_.record.descendants == Descendants::recorded)
            attacher_.emplace(pids.front(), pids, options_.refused, options_.record.sample_interval.value_or(kSampleInterval));
    }
    // listed: its place in the list; nothing: it gets one.
    void add_attached(int pid, std::unique_ptr<AttachedSegment> attached, std::optional<std::size_t> listed) {
        attached->beat();
        try {
            // By numbers of images: a process that calls exec is attached to anew.
            add({pid, images_++, {}}, SegmentReader(Descriptor(::fcntl(attached->file(), F_DUPFD_CLOEXEC, 0)), "the agent's segment"));
        } catch (const Error& error) {
            if (!recording_) throw;
            warnings_.push_back(fmt::format("process {} is not recorded: {}", pid, error.message()));
            attached->ask_to_leave();
            if (listed) options_.list->remove(*listed);
            return;
        }
        if (!listed) listed = options_.list->add({pid, attached->file(), attached->memory()});
        watched_.back().attached = std::move(attached);
        watched_.back().listed = listed;
    }
    void take_attached() {
        if (!attacher_) return;
        for (DescendantAttacher::Found& found : attacher_->take()) add_attached(found.pid, std::move(found.segment), std::nullopt);
        options_.list->set_unrecorded(attacher_->unrecorded());
    }
    // An agent that has ended leaves its segment as it was then.
    void check_attached() {
        take_attached();
        for (Watched& watched : watched_) {
            if (!watched.attached) continue;
            watched.attached->beat();
            if (watched.attached->state() == agent::AttachState::ended && !watched.process->has_ended()) {
                end(watched);
                unlist(watched);
            }
            if (watched.listed) options_.list->set_memory(*watched.listed, watched.attached->memory());
        }
    }
    void unlist(Watched& watched) {
        if (watched.listed) options_.list->remove(*watched.listed);
        watched.listed.reset();
    }
    void leave_attached() {
        if (attacher_) {
            attacher_->stop();
            take_attached();
        }
        for (const Watched& watched : watched_)
            if (watched.attached && read_stat(watched.name.pid)) watched.attached->ask_to_leave();
        for (const Watched& watched : watched_) {
            const bool gone = &watched == main_ ? service_.ends_now() : !read_stat(watched.name.pid).has_value();
            if (watched.attached && !gone) leave(watched);
        }
        if (left_early_ > kNamed)
            warnings_.push_back(
                fmt::format("the agent left another {} early, which have ended since", counted(left_early_ - kNamed, "process")));
        if (!attacher_) return;
        if (const std::size_t left = attacher_->restore_others(); left > 0)
            warnings_.push_back(fmt::format("pointers in {} that started last still lead to the agent, which only passes calls on",
                                            counted(left, "process")));
        if (std::string warning = attacher_->warning(); !warning.empty()) warnings_.push_back(std::move(warning));
    }
    // "" for the named process.
    std::string beginning_of_warning(const Watched& watched) const {
        return &watched == main_ ? std::string() : fmt::format("process {}: ", watched.name.pid);
    }
    void warn_of_end(const Watched& watched) {
        using agent::AttachEnd;
        const std::string which = beginning_of_warning(watched);
        switch (watched.attached->end_reason()) {
            case AttachEnd::reader_gone:
                warnings_.push_back(which + "leakline was stopped for 5 s: the agent left the process, and the recording ends there");
                break;
            case AttachEnd::sandbox:
                warnings_.push_back(which + "it entered a seccomp sandbox: the agent left before, and the recording ends there");
                break;
            case AttachEnd::last_thread: warnings_.push_back(which + "all of its threads ended: the recording ends there"); break;
            default: break;
        }
    }
    // The process has ended since. One whose last thread has ended has ended as it should.
    void warn_of_early_end(const Watched& watched) {
        using agent::AttachEnd;
        const AttachEnd reason = watched.attached->end_reason();
        if (reason != AttachEnd::sandbox && reason != AttachEnd::reader_gone) return;
        if (++left_early_ <= kNamed) warn_of_end(watched);
    }
    void leave(const Watched& watched) {
        constexpr Nanoseconds kPatience = std::chrono::seconds(5);
        warn_of_end(watched);
        const std::string which = beginning_of_warning(watched);
        if (!watched.attached->detach(kPatience))
            warnings_.push_back(which + "the agent has not left the process yet (a library is being loaded): it leaves when that is done");
        else if (const auto left = watched.attached->slots().hooked; left > 0)
            warnings_.push_back(
                fmt::format("{}{} pointers in the process still lead to the agent, which now only passes calls on", which, left));
    }

    void wait() {
        std::array<pollfd, 2> polls{{{control_open_ ? options_.control : -1, POLLIN, 0}, {service_.descriptor(), POLLIN, 0}}};
        const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(kTick).count();
        if (::poll(polls.data(), polls.size(), static_cast<int>(time)) < 0) return;
        if (polls[0].revents != 0) control();
        if (polls[1].revents != 0) service_.has_ended();
    }

    // Finds new segments and processes that have ended or called exec, and reads the memory in use.
    void check() {
        if (finished_) return;
        check_attached();
        // Each segment takes a descriptor until its process is seen to have ended: a server that forks for each request may have started and
        // ended more processes since the last look than we may have descriptors.
        constexpr std::size_t kAtATime = 32;
        std::size_t opened = 0;
        for (SegmentName& name : list_segments(options_.segments)) {
            if (known_.contains(name)) continue;
            open(std::move(name));
            if (++opened % kAtATime == 0) look_at_processes();
        }
        const Bytes resident = look_at_processes();
        if (resident > 0 && recording_) {
            resident_ = resident;
            recording_->resident(now() - origin_, resident);
        }
    }

    // The memory in use by those that go on; the others are ended, and removed but for the recorded program.
    Bytes look_at_processes() {
        Bytes resident = 0;
        for (Watched& watched : watched_) {
            const bool had_ended = watched.process->has_ended();
            if (had_ended && !watched.attached) continue;
            const auto stat = read_stat(watched.name.pid);
            const bool replaced = stat && watched.stack_start != 0 && stat->stack_start != 0 && stat->stack_start != watched.stack_start;
            const bool newer = std::any_of(watched_.begin(), watched_.end(), [&](const Watched& other) {
                return other.name.pid == watched.name.pid && other.name.image > watched.name.image && !other.process->has_ended();
            });
            if (has_ended(stat) || replaced || newer) {
                if (had_ended) {
                    warn_of_early_end(watched);
                } else {
                    end(watched);
                    unlist(watched);
                }
                watched.attached.reset();  // the agent has gone with the program
                continue;
            }
            if (had_ended) continue;  // the agent left early
            resident += stat->resident;
        }
        // Workers that are replaced again and again must not fill memory, or use up descriptors.
        std::erase_if(watched_, [this](const Watched& watched) {
            const bool done = watched.process->has_ended() && !watched.attached && &watched != main_;
            if (done) recording_->remove(*watched.process);
            return done;
        });
        remove_ended();
        return resident;
    }

    void open(SegmentName name) {
        const std::string path = options_.segments + "/" + name.file;
        Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (file.get() < 0) return;
        try {
            SegmentReader segment(std::move(file), path);
            known_.insert(name);
            if (unwind::is_wrapper(file_name(segment.executable()))) return;
            add(name, std::move(segment));
        } catch (const Error& error) {
            // The process is still starting, or was killed meanwhile. Retried for as long as it exists.
            if (!read_stat(name.pid)) known_.insert(std::move(name));
        }
    }

    void add(SegmentName name, SegmentReader segment) {
        const auto stat = read_stat(name.pid);
        choose_main(name, segment);
        segment.read();
        watched_.push_back({&recording_->add(std::move(segment), options_.attached.empty() ? 0 : name.pid),
                            std::move(name),
                            stat ? stat->stack_start : 0,
                            {},
                            nullptr,
                            {}});
        if (main_name_ == watched_.back().name) main_ = &watched_.back();
    }

    // Chooses the recorded program: the requested one, or the first that is not a wrapper. A helper that ended within a second is not it. What
    // the program becomes by exec takes its place, but not once marks were asked for: a service may replace itself when it is told to end (uWSGI
    // reloads at SIGTERM).
    void choose_main(const SegmentName& name, const SegmentReader& segment) {
        const bool asked_for = !options_.follow || options_.record.follow->empty() || segment.executable() == *options_.record.follow;
        if (!asked_for && recording_) return;
        if (recording_) {
            const bool exec = main_ != nullptr && !settled_ && name.pid == main_name_.pid && name.image > main_name_.image;
            const bool wanted = exec || (options_.follow && segment.parent() == 0 && main_ != nullptr && main_was_helper());
            if (!wanted) return;
            start_anew();
        }
        recording_ =
            std::make_unique<AgentRecording>(segment.executable(), segment.command(), options_.record.children, !options_.attached.empty());
        for (Watched& watched : watched_) {  // processes that still run stay in the recording
            const std::string path = options_.segments + "/" + watched.name.file;
            Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
            watched.process = nullptr;
            if (file.get() < 0 || watched.ended != Nanoseconds::zero() || watched.name.pid == name.pid) continue;
            try {
                watched.process = &recording_->add(SegmentReader(std::move(file), path));
            } catch (const Error&) {
            }
        }
        std::erase_if(watched_, [](const Watched& watched) { return watched.process == nullptr; });
        main_ = nullptr;
        main_name_ = name;
        origin_ = segment.started();
        HeapMark start;
        start.kind = HeapMark::Kind::start;
        if (const auto stat = read_stat(name.pid)) start.rss = stat->resident;
        resident_ = start.rss;
        write(start);
        for (MarkSchedule::Requested& asked : std::exchange(early_, {})) set_mark(std::move(asked));
    }
    // If a program was requested, any other is a helper, as is one that ended before the first mark.
    bool main_was_helper() const {
        const Watched& main = *main_;
        const std::string& named = *options_.record.follow;
        if (!named.empty() && main.process->segment().executable() != named) return true;
        return main.process->has_ended() && !settled_ && (!named.empty() || lived(main) < kHelper);
    }
    Nanoseconds lived(const Watched& watched) const {
        return (watched.ended != Nanoseconds::zero() ? watched.ended : now()) - watched.process->segment().started();
    }
    void start_anew() {
        writer_ = RecordingWriter(options_.output);
        if (::ftruncate(options_.output, 0) == 0) ::lseek(options_.output, 0, SEEK_SET);
        schedule_ = MarkSchedule(options_.record.mark_interval, options_.record.max_marks);
    }

    void end(Watched& watched) {
        watched.ended = now();
        watched.process->read_last();
    }
    // Removes the segments of processes that have ended, so that a later process with the same pid is a new one. Those of a process that
    // has called exec stay until it ends: the agent numbers its next segment by the files that exist.
    void remove_ended() {
        std::erase_if(known_, [&](const SegmentName& name) {
            if (!has_ended(read_stat(name.pid))) return false;
            ::unlink((options_.segments + "/" + name.file).c_str());
            return true;
        });
    }
    // The program that replaced the recorded one by exec without an agent; empty if none did.
    std::string became() const {
        if (main_ == nullptr) return service_.became();
        const Watched& main = *main_;
        const auto stat = read_stat(main.name.pid);
        if (!stat || stat->stack_start == 0 || main.stack_start == 0 || stat->stack_start == main.stack_start) return {};
        std::error_code ignored;
        return std::filesystem::read_symlink(fmt::format("/proc/{}/exe", main.name.pid), ignored).string();
    }

    void interval_marks() {
        if (!recording_ || finished_ || main_ == nullptr || main_->process->has_ended()) return;
        const Nanoseconds at = now() - origin_;
        if (schedule_.due(at))
            for (MarkSchedule::Requested& asked : schedule_.take(at)) set_mark(std::move(asked));
    }
    void set_mark(MarkSchedule::Requested asked) {
        if (!asked.allocator_in_use) {
            asked.allocator_in_use = in_use_;
            asked.allocator_retained = retained_;
        }
        write(next_mark(std::move(asked)));
    }
    // If the recorded process has ended, its last state is used.
    HeapMark next_mark(MarkSchedule::Requested asked) {
        return recording_->mark(std::move(asked), std::max(now() - origin_, last_mark_), resident_,
                                main_ != nullptr ? main_->process : nullptr);
    }
    void write(const HeapMark& mark) {
        if (!writer_.header_written()) {
            if (::ftruncate(options_.output, 0) == 0) ::lseek(options_.output, 0, SEEK_SET);  // the content of an older recording
            writer_.header(Nanoseconds(options_.started_wall), recording_->tables());
        }
        last_mark_ = mark.at;
        writer_.mark(mark, recording_->tables());
    }

    void control() {
        if (control::receive(options_.control, [this](const auto& request) { return take(request); })) return;
        control_open_ = false;  // continue alone
        if (!service_.known()) service_.has_ended();
    }
    void take(const control::Forked& service) { service_.forked(service.process); }
    control::Started::Answer take(const control::Started& service) {
        service_.started(service.process);
        return {};
    }
    control::Mark::Answer take(const control::Mark& mark) {
        check();
        settled_ = true;
        MarkSchedule::Requested asked{mark.kind, mark.label.bytes, mark.requests, {}, {}, {}};
        if (recording_)
            set_mark(std::move(asked));
        else
            early_.push_back(std::move(asked));
        return {{}, true};
    }
    void take(const control::Allocator& state) {
        in_use_ = state.in_use;
        retained_ = state.retained;
    }
    control::WhichProcess::Answer take(const control::WhichProcess&) {
        check();
        const bool left = main_ != nullptr && !options_.attached.empty() && main_->process->has_ended();
        return {main_ != nullptr && !left ? main_->name.pid : 0};
    }
    control::MarksLeft::Answer take(const control::MarksLeft&) const { return {early_.size()}; }
    void take(const control::Warning& warning) { warnings_.emplace_back(warning.text.bytes); }
    control::Finish::Answer take(const control::Finish&) {
        if (service_.ends_now()) service_.has_ended();
        finish();
        return {outcome(), control::Text(became_.empty() ? problem_ : became_)};
    }

    void finish() {
        if (finished_) return;
        check();
        finished_ = true;
        if (!recording_) {
            service_.check_for_exec();
            became_ = became();
            return;
        }
        became_ = became();
        ended_behind_ = service_.ended() && main_ != nullptr && !main_->process->has_ended();
        const HeapMark last = next_mark({HeapMark::Kind::finish, {}, {}, {}, in_use_, retained_});
        write(last);
        leave_attached();
        RecordingWriter::End end;
        end.duration = last.at;
        end.completeness = Completeness::complete;
        if (options_.holders >= 0) end.holders = read_file(fmt::format("/proc/self/fd/{}", options_.holders), kLargestAnswer);
        end.warnings = recording_->warnings();
        end.warnings.insert(end.warnings.begin(), warnings_.begin(), warnings_.end());
        if (!became_.empty()) end.warnings.push_back(fmt::format("it replaced itself with {} (exec), which was not recorded", became_));
        finish_recording(writer_, std::move(end), recording_->tables(), recording_->peak(origin_), {}, options_.interpreter);
        if (writer_.error() != 0) problem_ = os_reason(writer_.error());
    }

    control::Outcome outcome() const {
        using enum control::Outcome;
        if (!recording_) return became_.empty() ? nothing : replaced;
        if (ended_behind_ && last_mark_ < control::kDaemonParent) return daemon;
        return writer_.error() != 0 ? write_failed : recorded;
    }

    CollectorOptions options_;
    TracedProcess service_;
    MarkSchedule schedule_;
    RecordingWriter writer_;
    std::unique_ptr<AgentRecording> recording_;  // null until a process is recorded
    std::optional<DescendantAttacher> attacher_;
    unsigned images_ = 0;         // that were attached to
    std::size_t left_early_ = 0;  // processes that have ended, after their agents
    std::set<SegmentName> known_;
    std::list<Watched> watched_;
    const Watched* main_ = nullptr;  // of watched_
    SegmentName main_name_;
    Nanoseconds origin_{}, last_mark_{};
    std::deque<MarkSchedule::Requested> early_;  // marks requested before the recording exists
    std::optional<Bytes> in_use_, retained_, resident_;
    bool control_open_ = true, finished_ = false, ended_behind_ = false, settled_ = false;
    std::string problem_, became_;
    std::vector<std::string> warnings_;
};

}  // namespace

void run_agent_collector(const CollectorOptions& options) {
    std::vector<int> kept{options.control, options.libraries[0], options.output, options.holders};
    for (const CollectorOptions::AttachedProcess& process : options.attached) kept.push_back(process.segment);
    detach_collector("heap-collector", std::move(kept));
    int status = 0;
    try {
        AgentCollector(options).run();
    } catch (...) {
        status = 1;  // out of memory: it cannot be reported
    }
    std::error_code ignored;
    if (!options.segments.empty()) std::filesystem::remove_all(options.segments, ignored);
    ::_exit(status);
}

}  // namespace leakline::heap
