#include "memory/limit.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <thread>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "system/child_process.hpp"
#include "system/descriptor.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

namespace fs = std::filesystem;
using Version = CgroupDirectory::Version;

namespace {

constexpr Bytes kSmallest = Bytes{1} << 20;
constexpr const char* kPrefix = "leakline-";

// Writes a value into a control file. 0, or the errno.
int write_control(const std::string& path, const std::string& value) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0) return errno;
    return ::write(file.get(), value.data(), value.size()) < 0 ? errno : 0;
}

// Moves the calling process; async-signal-safe. "0" means the writer.
bool enter(int procs) { return ::write(procs, "0", 1) == 1; }

// Whether one of our processes may be moved there: that depends on rights in both groups and their common ancestor, so
// it is tried with a child that does nothing else.
bool can_enter(int procs) {
    const pid_t child = ::fork();
    if (child < 0) return false;
    if (child == 0) ::_exit(enter(procs) ? 0 : 1);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool has_word(std::string_view text, std::string_view word) {
    for (const std::string_view piece : split(trim(text), ' '))
        if (piece == word) return true;
    return false;
}

// Whether groups made below `path` will have the memory controller.
bool hands_memory_down(Version version, const std::string& path) {
    if (version == Version::v1) return true;
    const std::string control = path + "/cgroup.subtree_control";
    const auto enabled = read_small_file(control);
    if (!enabled) return false;
    if (has_word(*enabled, "memory")) return true;
    // Only the machine's root group may contain processes and delegate controllers; only it has no cgroup.type.
    std::error_code error;
    return !fs::exists(path + "/cgroup.type", error) && write_control(control, "+memory") == 0;
}

std::optional<int> owner_of(const std::string& name) {
    if (!name.starts_with(kPrefix)) return std::nullopt;
    int pid = 0;
    const char* begin = name.data() + std::string_view(kPrefix).size();
    const auto result = std::from_chars(begin, name.data() + name.size(), pid);
    if (result.ec != std::errc{} || pid <= 0) return std::nullopt;
    return pid;
}

// Groups left by a killed leakline, whose pid is in the name; rmdir fails while they contain processes.
void remove_orphans(const std::string& parent, const SystemRoots& roots) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(parent, error)) {
        const auto owner = owner_of(entry.path().filename().string());
        std::error_code ignored;
        if (owner && !fs::exists(roots.proc + "/" + std::to_string(*owner), ignored)) ::rmdir(entry.path().c_str());
    }
}

std::string unique_name() {
    static std::atomic<unsigned> number = 0;
    return kPrefix + std::to_string(::getpid()) + "-" + std::to_string(++number);
}

}  // namespace

struct MemoryLimit::State {
    Bytes limit = 0;
    Means means = Means::data_segment;
    std::string warning;
    CgroupDirectory directory;
    std::shared_ptr<Descriptor> procs;  // cgroup.procs, open for writing

    ~State() {
        if (means != Means::data_segment) remove();
    }

    // The reason, or empty.
    std::string make_cgroup(const SystemRoots& roots, const std::string& name);
    std::string set_up();
    void remove();
};

std::string MemoryLimit::State::make_cgroup(const SystemRoots& roots, const std::string& name) {
    const auto hierarchy = memory_hierarchy(roots);
    if (!hierarchy) return "no cgroup file system is mounted at " + roots.cgroup;
    const auto text = read_small_file(roots.proc + "/self/cgroup");
    const auto membership = text ? parse_cgroup_membership(*text) : std::nullopt;
    if (!membership || membership->version != hierarchy->version) return "this process is not in a memory cgroup";
    directory.version = hierarchy->version;

    std::string reason = "the memory controller is not delegated to a place where cgroups can be created";
    fs::path parent = hierarchy->path + (membership->path == "/" ? "" : membership->path);
    std::error_code error;
    if (!fs::is_directory(parent, error)) parent = hierarchy->path;  // inside a container
    for (;; parent = parent.parent_path()) {
        if (hands_memory_down(hierarchy->version, parent.string())) {
            remove_orphans(parent.string(), roots);
            directory.path = (parent / name).string();
            if (::mkdir(directory.path.c_str(), 0755) == 0 || errno == EEXIST) {
                reason = set_up();
                if (reason.empty()) return {};
                ::rmdir(directory.path.c_str());
            } else {
                reason = "cannot create " + directory.path + ": " + os_reason(errno);
            }
        }
        if (parent == hierarchy->path || parent == parent.root_path()) return reason;
    }
}

std::string MemoryLimit::State::set_up() {
    const std::string bytes = std::to_string(limit);
    const bool v1 = directory.version == Version::v1;
    const std::string file = directory.path + (v1 ? "/memory.limit_in_bytes" : "/memory.max");
    if (const int error = write_control(file, bytes); error != 0) return "cannot set " + file + ": " + os_reason(error);
    // Without swap, so that the limit is final; if swap is not accounted, these files do not exist.
    write_control(directory.path + (v1 ? "/memory.memsw.limit_in_bytes" : "/memory.swap.max"), v1 ? bytes : "0");
    const std::string processes = directory.path + "/cgroup.procs";
    procs = std::make_shared<Descriptor>(::open(processes.c_str(), O_WRONLY | O_CLOEXEC));
    if (procs->get() < 0) return "cannot open " + processes + ": " + os_reason(errno);
    if (!can_enter(procs->get())) return "processes cannot be moved into " + directory.path;
    return {};
}

void MemoryLimit::State::remove() {
    procs.reset();
    // Only descendants of the command are left: nothing else entered the group.
    for (int attempt = 0; attempt < 100; ++attempt) {
        if (::rmdir(directory.path.c_str()) == 0 || errno != EBUSY) return;
        if (write_control(directory.path + "/cgroup.kill", "1") != 0)
            if (const auto text = read_small_file(directory.path + "/cgroup.procs"))
                for (const std::string_view line : split(*text, '\n')) {
                    int pid = 0;
                    std::from_chars(line.data(), line.data() + line.size(), pid);
                    if (pid > 1) ::kill(pid, SIGKILL);
                }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

MemoryLimit::MemoryLimit(std::unique_ptr<State> state) : state_(std::move(state)) {}
MemoryLimit::~MemoryLimit() = default;
MemoryLimit::MemoryLimit(MemoryLimit&&) noexcept = default;
MemoryLimit& MemoryLimit::operator=(MemoryLimit&&) noexcept = default;

MemoryLimit MemoryLimit::create(Bytes limit, const SystemRoots& roots, const std::string& name) {
    if (limit < kSmallest)
        throw Error(ErrorKind::usage, "--memory-limit", format_bytes(static_cast<double>(limit)) + " is too small",
                    "no program starts in less than 1 MiB; for example 512MiB");
    auto state = std::make_unique<State>();
    state->limit = limit;
    const std::string reason = state->make_cgroup(roots, name.empty() ? unique_name() : name);
    if (reason.empty()) {
        state->means = state->directory.version == Version::v1 ? Means::cgroup_v1 : Means::cgroup_v2;
    } else {
        state->procs.reset();
        state->warning = "no memory cgroup (" + reason +
                         "): the limit is RLIMIT_DATA instead, which counts private writable mappings whether touched "
                         "or not, leaves out page cache and shared memory, and makes allocations fail where a "
                         "container would be OOM-killed";
    }
    return MemoryLimit(std::move(state));
}

void MemoryLimit::put_on(Command& command) const {
    std::function<bool()> before = command.before_exec;
    if (state_->means == Means::data_segment) {
        command.before_exec = [before, bytes = state_->limit] {
            if (before && !before()) return false;
            const rlimit limit{bytes, bytes};
            return ::setrlimit(RLIMIT_DATA, &limit) == 0;
        };
    } else {
        command.before_exec = [before, procs = state_->procs] { return (!before || before()) && enter(procs->get()); };
    }
}

MemoryLimit::Means MemoryLimit::means() const { return state_->means; }
Bytes MemoryLimit::limit() const { return state_->limit; }
const std::string& MemoryLimit::warning() const { return state_->warning; }

std::optional<CgroupDirectory> MemoryLimit::cgroup() const {
    if (state_->means == Means::data_segment) return std::nullopt;
    return state_->directory;
}

MemoryLimit::Figures MemoryLimit::figures() const {
    Figures figures;
    if (state_->means == Means::data_segment) return figures;
    const bool v1 = state_->means == Means::cgroup_v1;
    const auto number = [&](const char* name) -> std::optional<Bytes> {
        const auto text = read_small_file(state_->directory.path + name);
        return text ? parse_size(trim(*text)) : std::nullopt;
    };
    figures.current_bytes = number(v1 ? "/memory.usage_in_bytes" : "/memory.current");
    figures.peak_bytes = number(v1 ? "/memory.max_usage_in_bytes" : "/memory.peak");  // v2: from Linux 5.19 on
    if (const auto text = read_small_file(state_->directory.path + (v1 ? "/memory.oom_control" : "/memory.events")))
        figures.oom_kills = flat_value(*text, "oom_kill").value_or(0);
    return figures;
}

Termination MemoryLimit::termination_of(const ExitStatus& status, std::optional<Bytes> peak_seen) const {
    const Figures figures = this->figures();
    const std::string limit = format_bytes(static_cast<double>(state_->limit));
    Termination termination;
    termination.oom_kills = figures.oom_kills;
    termination.peak_bytes = figures.peak_bytes ? figures.peak_bytes : peak_seen;
    termination.cause = status.signal != 0 ? Termination::Cause::signalled : Termination::Cause::exited;
    termination.text = "ended with " + status.text();
    const std::string peak = termination.peak_bytes ? " (peak " + format_bytes(static_cast<double>(*termination.peak_bytes)) + ")" : "";
    if (status.signal == SIGKILL && figures.oom_kills > 0) {
        termination.cause = Termination::Cause::oom_killed;
        termination.text = "OOM-killed at its limit of " + limit + peak;
    } else if (figures.oom_kills > 0) {
        termination.text += "; " + format_count(figures.oom_kills) + " of its children OOM-killed at the limit of " + limit;
    } else if (state_->means == Means::data_segment && (status.signal == SIGABRT || status.code != 0) && peak_seen &&
               *peak_seen >= state_->limit / 10 * 8) {
        // RSS is lower than what RLIMIT_DATA counts, which includes mapped pages that were not touched.
        termination.cause = Termination::Cause::allocation_failed;
        termination.text += " near its limit of " + limit + peak + ", most likely because an allocation failed";
    }
    return termination;
}

}  // namespace leakline::memory
