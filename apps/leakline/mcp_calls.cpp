#include "mcp_calls.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "exit_code.hpp"
#include "messages.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/temporary_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace leakline::cli {

namespace {

constexpr std::size_t kMaxReport = std::size_t{64} << 20, kMaxMessages = std::size_t{64} << 10;
constexpr Nanoseconds kEndWithin = std::chrono::seconds(10);  // for a canceled command to end its service
constexpr int kLookAgainMs = 100;                             // whether a process that says nothing has ended

struct Pipe {
    Descriptor read, write;
};

Pipe make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw os_error(ErrorKind::system, "leakline mcp", "cannot create a pipe", errno);
    Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    return pipe;
}

// What can be read now; closes descriptor at the end.
void read_available(Descriptor& descriptor, const std::function<void(std::string_view)>& take) {
    char chunk[64 * 1024];
    while (descriptor.get() >= 0) {
        const ssize_t got = ::read(descriptor.get(), chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return descriptor.close();
        take({chunk, static_cast<std::size_t>(got)});
    }
}

// What a command has printed, in the words of a person who reads it in another program.
std::string without_program_name(const std::string& messages) {
    std::string out;
    for (std::string_view line : split(messages, '\n')) {
        if (line.starts_with("leakline: ")) line.remove_prefix(10);
        if (!line.empty()) out += std::string(line) + "\n";
    }
    return out;
}

}  // namespace

struct ToolCalls::Running {
    std::uint64_t call = 0;
    const ToolRow* tool = nullptr;
    TemporaryDirectory folder;  // of the report as text
    Descriptor out, err;
    std::string report, line, messages;
    std::optional<Nanoseconds> kill_at;
    bool canceled = false, too_large = false;
    std::optional<Child> process;  // goes first

    std::string text_file() const { return folder.path() + "/report.txt"; }

    void end() {
        if (kill_at) return;
        process->signal(SIGTERM);
        kill_at = system_clock().monotonic() + kEndWithin;
    }
};

ToolCalls::ToolCalls() : tools_(tools_json(line_)) {}

ToolCalls::~ToolCalls() = default;

bool ToolCalls::start(std::uint64_t call, const std::string& tool, const nlohmann::json& arguments) {
    const ToolRow* const row = find_tool(tool);
    if (row == nullptr) return false;
    const auto command =
        std::find_if(line_.commands().begin(), line_.commands().end(), [&](const auto& one) { return one.row.name == tool; });
    try {
        waiting_.push_back({call, row, tool_words(*command->app, arguments)});
    } catch (const Error& error) {
        results_.finished(call, {true, {error.what()}, {}});
        return true;
    }
    begin_next();
    return true;
}

void ToolCalls::begin_next() {
    for (std::size_t i = 0; i < waiting_.size();) {
        const bool busy = waiting_[i].tool->measures &&
                          std::any_of(running_.begin(), running_.end(), [](const auto& one) { return one->tool->measures; });
        if (busy) {
            ++i;
            continue;
        }
        const Waiting next = std::move(waiting_[i]);
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        try {
            begin(next);
        } catch (const Error& error) {
            results_.finished(next.call, {true, {error.what()}, {}});
        }
    }
}

void ToolCalls::begin(const Waiting& next) {
    auto call = std::make_unique<Running>();
    call->call = next.call;
    call->tool = next.tool;
    Pipe out = make_pipe(), err = make_pipe();
    Command command;
    command.arguments = {"/proc/self/exe", next.tool->command, "--format=json", "--output=" + call->text_file(), kProgressOption};
    command.arguments.insert(command.arguments.end(), next.words.begin(), next.words.end());
    command.environment = {{"GITHUB_ACTIONS", ""}};  // no annotations, and no step summary
    command.before_exec = [to_out = out.write.get(), to_err = err.write.get()] {
        const int null = ::open("/dev/null", O_RDONLY);  // standard input is the client's
        return null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(to_out, STDOUT_FILENO) >= 0 && ::dup2(to_err, STDERR_FILENO) >= 0;
    };
    call->process.emplace(Child::start(command));
    call->out = std::move(out.read);
    call->err = std::move(err.read);
    running_.push_back(std::move(call));
}

void ToolCalls::cancel(std::uint64_t number) {
    std::erase_if(waiting_, [&](const Waiting& one) { return one.call == number; });
    for (const auto& call : running_) {
        if (call->call != number) continue;
        call->canceled = true;
        call->end();
    }
}

void ToolCalls::cancel_all() {
    waiting_.clear();
    for (const auto& call : running_) cancel(call->call);
    const StopDescriptor never{std::stop_token()};
    while (!running_.empty()) wait(-1, never);
}

bool ToolCalls::wait(int input, const StopDescriptor& stop) {
    std::vector<pollfd> descriptors = {{input, POLLIN, 0}, {stop.get(), POLLIN, 0}};
    for (const auto& call : running_)
        for (const Descriptor* one : {&call->out, &call->err}) descriptors.push_back({one->get(), POLLIN, 0});
    ::poll(descriptors.data(), descriptors.size(), running_.empty() ? -1 : kLookAgainMs);
    std::vector<Running*> ended;
    for (const auto& call : running_) {
        const bool was_running = call->process->running();  // before its last words are read
        look_after(*call);
        if (!was_running) ended.push_back(call.get());
    }
    for (Running* call : ended) {
        finish(*call);
        running_.remove_if([&](const auto& one) { return one.get() == call; });
    }
    if (!ended.empty()) begin_next();
    return descriptors[0].revents != 0;
}

void ToolCalls::look_after(Running& call) {
    read_available(call.out, [&](std::string_view bytes) {
        if (call.report.size() + bytes.size() <= kMaxReport) {
            call.report += bytes;
            return;
        }
        call.too_large = true;
        call.end();
    });
    std::string last_progress;
    read_available(call.err, [&](std::string_view bytes) {
        for (const char c : bytes) {
            if (c != '\n') {
                if (call.line.size() < kMaxMessages) call.line += c;
                continue;
            }
            const std::string line = std::exchange(call.line, {});
            if (line.starts_with(kProgressMark))
                last_progress = line.substr(1);
            else if (call.messages.size() + line.size() < kMaxMessages)
                call.messages += line + "\n";
        }
    });
    if (!last_progress.empty() && !call.canceled) results_.progress(call.call, last_progress);
    if (call.kill_at && system_clock().monotonic() > *call.kill_at) call.process->signal(SIGKILL);  // its guard ends what it has started
}

void ToolCalls::finish(Running& call) {
    if (call.canceled) return;
    mcp::ToolResult result;
    const ExitStatus status = call.process->wait();
    const bool whole = !call.too_large && nlohmann::json::accept(call.report);
    result.failed = !whole || status.signal != 0 || status.code == kUsage || status.code == kInvalid;
    if (whole) {
        result.structured = std::move(call.report);
        if (::access(call.text_file().c_str(), R_OK) == 0) result.texts.push_back(read_file(call.text_file()));
    }
    if (const std::string said = without_program_name(call.messages); !said.empty()) result.texts.push_back(said);
    if (call.too_large) result.texts.push_back(fmt::format("the report is larger than {}", format_bytes(static_cast<double>(kMaxReport))));
    if (status.signal != 0) result.texts.push_back("leakline ended with " + status.text());
    results_.finished(call.call, result);
}

}  // namespace leakline::cli
