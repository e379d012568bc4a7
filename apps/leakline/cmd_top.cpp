// leakline top: the lines whose live heap grows, while a process runs.
#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "analysis/lines/lines.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "heap/recorder.hpp"
#include "line_options.hpp"
#include "messages.hpp"
#include "output.hpp"
#include "process_option.hpp"
#include "quantity_options.hpp"
#include "redrawn_block.hpp"
#include "report/source_text.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"
#include "top_view.hpp"
#include "tracker_options.hpp"

namespace leakline::cli {

namespace {

struct TopOptions {
    int pid = 0;
    std::vector<std::string> command, sources, skip, only;
    Nanoseconds interval = std::chrono::seconds(2);
    std::optional<Nanoseconds> duration;
    int lines = 10;
    std::optional<Bytes> sample_interval;
    TopOrder order = TopOrder::growth;
    bool json = false;
};

// Standard input, where it is a terminal: keys arrive at once and are not shown.
class Keys {
  public:
    explicit Keys(bool wanted) {
        if (!wanted || ::isatty(STDIN_FILENO) == 0 || ::tcgetpgrp(STDIN_FILENO) != ::getpgrp() || ::tcgetattr(STDIN_FILENO, &before_) != 0)
            return;
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    ~Keys() {
        if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    Keys(const Keys&) = delete;
    Keys& operator=(const Keys&) = delete;

    bool active() const { return active_; }
    // Waits for a key until then (of the monotonic clock); 0: none came, or stop was requested.
    char wait(Nanoseconds until, const StopDescriptor& stop) {
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - system_clock().monotonic());
            if (left.count() <= 0 || stop.requested()) return 0;
            pollfd polls[2] = {{stop.get(), POLLIN, 0}, {active_ ? STDIN_FILENO : -1, POLLIN, 0}};
            ::poll(polls, 2, static_cast<int>(std::min<std::int64_t>(left.count(), 1000 * 3600)));
            if (stop.requested()) return 0;
            char key = 0;
            if (polls[1].revents == 0) continue;
            if (::read(STDIN_FILENO, &key, 1) == 1) return key;
            active_ = false;  // the terminal has gone
        }
    }

  private:
    bool active_ = false;
    termios before_{};
};

heap::Recorder start(const TopOptions& chosen, const std::stop_token& stop) {
    constexpr const char* kForms = "leakline top --pid 1234, or leakline top -- CMD ARG...";
    if (chosen.pid == 0 && chosen.command.empty()) throw Error(ErrorKind::usage, "leakline top", "no process to watch", kForms);
    if (chosen.pid != 0 && !chosen.command.empty())
        throw Error(ErrorKind::usage, "leakline top", "both a process and a program to start", kForms);
    heap::RecordOptions options;
    options.with = heap::RecordWith::agent;
    options.sample_interval = chosen.sample_interval;
    options.mark_interval = std::chrono::hours(24 * 365);  // each view sets a mark
    options.attach_to = chosen.pid;
    options.descendants = heap::Descendants::recorded;
    options.command.arguments = chosen.command;
    // Standard output is for the view.
    options.command.before_exec = [] { return ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0; };
    options.stop = stop;
    return heap::Recorder::start(std::move(options));
}

class Top {
  public:
    Top(const TopOptions& chosen, Messages& messages, const Interruption& interruption)
        : chosen_(chosen),
          messages_(messages),
          stop_(interruption.stop),
          recorder_(start(chosen, interruption.stop)),
          terminal_(detect_terminal(STDOUT_FILENO)),
          order_(chosen.order),
          sources_(chosen.sources) {
        sources_.search_root_of(recorder_.pid());
        for (const std::string& warning : recorder_.warnings()) messages_.warn(warning);
        if (chosen.pid != 0)
            messages_.note(fmt::format("attached to process {} (one of its threads stood still for {})", chosen.pid,
                                       format_duration(recorder_.stopped())));
    }

    int run() {
        watch();
        finish();
        return kNoLeak;
    }

  private:
    void watch() {
        Keys keys(redraws());
        const Nanoseconds begin = system_clock().monotonic();
        for (;;) {
            const Nanoseconds now = system_clock().monotonic();
            Nanoseconds until = now + chosen_.interval;
            if (chosen_.duration) until = std::min(until, begin + *chosen_.duration);
            if (wait_for_keys(keys, until)) return;
            if (!alive()) {
                messages_.note("the process has ended, or the agent has left it");
                return;
            }
            read();
            if (chosen_.duration && system_clock().monotonic() - begin >= *chosen_.duration) return;
            if (redraws() || chosen_.json) show(keys.active());
        }
    }
    bool redraws() const { return terminal_.interactive && !chosen_.json; }

    // True: the view is to end.
    bool wait_for_keys(Keys& keys, Nanoseconds until) {
        for (;;) {
            const char key = keys.wait(until, stop_);
            if (stop_.requested() || key == 'q' || key == 'Q') return true;
            if (key == 0) return false;
            if (key != 's' && key != 'S') continue;
            order_ = next_order(order_);
            if (figures_.recorded > Nanoseconds::zero()) show(true);
        }
    }

    bool alive() { return recorder_.pid() != 0 && recorder_.running(); }

    void read() {
        const int pid = recorder_.pid();
        recorder_.mark(HeapMark::Kind::interval);
        const HeapProfile& profile = recorder_.so_far();
        if (profile.marks.size() < 2) return;
        figures_.recorded = profile.marks.back().at;
        figures_.sampling = profile.sampling;
        figures_.all = lines_since(profile, Nanoseconds::zero());
        sources_.search_parents(executable_of(pid));
        sources_.fill(figures_.all);
        read_lately(profile);
        read_processes(pid);
    }
    LineReport lines_since(const HeapProfile& profile, Nanoseconds begin) const {
        analysis::LineOptions options;
        options.window_begin = begin;
        options.window_end = profile.marks.back().at;
        options.tables = 0;
        options.skip = chosen_.skip;
        options.only = chosen_.only;
        return analysis::grow_lines(profile, options);
    }
    void read_lately(const HeapProfile& profile) {
        figures_.lately.clear();
        figures_.lately_span.reset();
        if (profile.marks.size() < 3) return;
        const Nanoseconds since = profile.marks[1].at;
        figures_.lately_span = std::chrono::round<std::chrono::seconds>(profile.marks.back().at - since);
        for (const LineGrowth& line : lines_since(profile, since).lines)
            if (line.growth_bytes != 0) figures_.lately[line.at] = line.growth_bytes;
    }
    void read_processes(int pid) {
        const auto first = read_stat(pid);
        figures_.process = fmt::format("{} (pid {})", printable(first ? first->comm : "?"), pid);
        figures_.pids.clear();
        Bytes resident = 0;
        for (const auto& [recorded, own] : recorder_.own_memory()) {
            const auto stat = read_stat(recorded);
            if (!stat || stat->state == 'Z') continue;
            figures_.pids.push_back(recorded);
            resident += stat->resident;
        }
        if (resident > 0) figures_.resident = resident;
        figures_.unseen = recorder_.warnings();
        if (const std::size_t later = recorder_.not_attached_to(); later > 0)
            figures_.unseen.push_back(
                fmt::format("{} that started after the attach and could not be attached to", counted(later, "process")));
    }

    void show(bool with_keys) {
        if (chosen_.json) {
            write_standard_output(top_json(figures_, order_, static_cast<std::size_t>(chosen_.lines)) + "\n");
            return;
        }
        constexpr std::size_t kOther = 6;                     // lines that are not of the table
        const Terminal now = detect_terminal(STDOUT_FILENO);  // anew: windows are resized
        const auto room = static_cast<std::size_t>(std::max(now.height - 1, static_cast<int>(kOther) + 2));
        std::vector<std::string> lines = top_view(figures_, order_, static_cast<std::size_t>(chosen_.lines), redrawn_width(now));
        if (lines.size() + 1 > room) lines.resize(room - 1);
        if (with_keys) lines.push_back(fmt::format("q: quit, s: sort (by {})", order_name(order_)));
        block_.draw(lines);
    }

    // The last table, whole. The agent leaves before: what is printed may wait for its reader.
    void finish() {
        if (alive()) read();
        if (chosen_.pid == 0) {
            recorder_.child().terminate(std::chrono::seconds(10));
        } else {
            messages_.detail("the agent leaves the process");
        }
        const HeapProfile profile = recorder_.finish();
        for (std::size_t i = recorder_.warnings().size(); i < profile.warnings.size(); ++i) messages_.warn(profile.warnings[i]);
        if (figures_.recorded == Nanoseconds::zero()) return;
        if (chosen_.json) return show(false);
        constexpr std::size_t kPipeWidth = 200;
        const Terminal now = detect_terminal(STDOUT_FILENO);
        block_.draw(top_view(figures_, order_, static_cast<std::size_t>(chosen_.lines), now.interactive ? redrawn_width(now) : kPipeWidth));
    }

    const TopOptions& chosen_;
    Messages& messages_;
    const StopDescriptor stop_;
    heap::Recorder recorder_;
    const Terminal terminal_;
    TopOrder order_;
    report::SourceText sources_;
    TopFigures figures_;
    RedrawnBlock block_;
};

}  // namespace

Run declare_top(CLI::App& app) {
    auto options = std::make_shared<TopOptions>();
    auto messages = std::make_shared<Messages>(app);
    add_process_option(app, options->pid, "Attach to this process and its children, without a restart");
    add_duration(app, "--for", options->duration, "End after this time, such as 60s (default: at q or Ctrl-C)");
    add_duration(app, "--interval", options->interval, "Time between views");
    app.add_option("--sort", options->order, "Order of the lines: growth, last-minute, blocks or calls")
        ->transform(choice_of<TopOrder>({{"growth", TopOrder::growth},
                                         {"last-minute", TopOrder::last_minute},
                                         {"blocks", TopOrder::blocks},
                                         {"calls", TopOrder::calls}}))
        ->type_name("ORDER")
        ->default_str("growth");
    app.add_option("--top", options->lines, "Number of lines to show, 1 to 1000")
        ->type_name("N")
        ->check(between(1, 1000))
        ->capture_default_str();
    app.add_flag("--json", options->json, "Print one line of JSON per view, and one at the end");
    add_sample_interval(app, options->sample_interval)->default_str("64KiB");
    add_frame_filters(app, options->skip, options->only);
    add_source_option(app, options->sources);
    app.add_option("command", options->command, "Program to start and its arguments, after --")->type_name("CMD ARG...");
    return [=](const Interruption& interruption) {
        messages->open();
        return Top(*options, *messages, interruption).run();
    };
}

}  // namespace leakline::cli
