#include "memory/jvm.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/strings.hpp"
#include "memory/internal/series_log_time.hpp"
#include "system/clock.hpp"
#include "system/descriptor.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

namespace {

// Of the JVM's notation (JVM specification, 4.3.2): "[[B" -> "byte[][]", "[Ljava.lang.String;" -> "java.lang.String[]".
std::string class_name(std::string_view name) {
    std::string brackets;
    while (name.starts_with('[')) {
        brackets += "[]";
        name.remove_prefix(1);
    }
    if (brackets.empty()) return printable(name);
    if (name.starts_with('L') && name.ends_with(';')) return printable(name.substr(1, name.size() - 2)) + brackets;
    static constexpr std::pair<char, std::string_view> kPrimitives[] = {{'B', "byte"}, {'C', "char"}, {'D', "double"}, {'F', "float"},
                                                                        {'I', "int"},  {'J', "long"}, {'S', "short"},  {'Z', "boolean"}};
    for (const auto& [letter, word] : kPrimitives)
        if (name.size() == 1 && name[0] == letter) return std::string(word) + brackets;
    return printable(name) + brackets;
}

// In the process's own PID namespace, which names its files.
std::optional<int> own_number(int pid) {
    const auto status = read_small_file("/proc/" + std::to_string(pid) + "/status");
    if (!status) return std::nullopt;
    const auto numbers = status_value(*status, "NSpid");  // one for each namespace, the innermost last
    const auto own = numbers ? parse_number(numbers->substr(numbers->find_last_of(" \t") + 1)) : std::nullopt;
    return own ? static_cast<int>(*own) : pid;
}

// SIGQUIT ends a process that does not handle it.
bool handles_quit(int pid) {
    const auto status = read_small_file("/proc/" + std::to_string(pid) + "/status");
    const auto digits = status ? status_value(*status, "SigCgt") : std::nullopt;
    if (!digits) return false;
    std::uint64_t mask = 0;
    const auto [end, error] = std::from_chars(digits->data(), digits->data() + digits->size(), mask, 16);
    return error == std::errc{} && (mask >> (SIGQUIT - 1) & 1) != 0;
}

// The file that tells the JVM's signal thread to open its socket, instead of printing the stacks of all threads.
class Trigger {
  public:
    explicit Trigger(std::string path)
        : path_(std::move(path)), made_(Descriptor(::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600)).get() >= 0) {}
    ~Trigger() {
        if (made_) ::unlink(path_.c_str());
    }
    Trigger(const Trigger&) = delete;
    Trigger& operator=(const Trigger&) = delete;
    bool made() const { return made_; }

  private:
    std::string path_;
    bool made_;
};

Descriptor connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return {};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.get() < 0 || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
    return socket;
}

Descriptor attach(int pid, Nanoseconds deadline) {
    const auto own = own_number(pid);
    if (!own) return {};
    const std::string folder = "/proc/" + std::to_string(pid) + "/root/tmp/";
    const std::string path = folder + ".java_pid" + std::to_string(*own);
    if (Descriptor socket = connect_to(path); socket.get() >= 0) return socket;
    if (!handles_quit(pid)) return {};
    const Trigger trigger(folder + ".attach_pid" + std::to_string(*own));
    if (!trigger.made() || ::kill(pid, SIGQUIT) != 0) return {};
    Clock& clock = system_clock();
    const Nanoseconds patience = std::min<Nanoseconds>(deadline, clock.monotonic() + std::chrono::seconds(5));
    while (clock.monotonic() < patience) {
        clock.sleep_until(clock.monotonic() + std::chrono::milliseconds(10));
        if (Descriptor socket = connect_to(path); socket.get() >= 0) return socket;
    }
    return {};
}

// All that comes until the other end closes; nothing after the deadline.
std::optional<std::string> read_answer(int socket, Nanoseconds deadline) {
    constexpr std::size_t kMax = std::size_t{64} << 20;
    std::string text;
    char buffer[65536];
    while (text.size() < kMax) {
        const Nanoseconds left = deadline - system_clock().monotonic();
        if (left <= Nanoseconds(0)) return std::nullopt;
        const auto micros = std::max<std::int64_t>(1000, left.count() / 1000);
        const timeval wait{micros / 1'000'000, micros % 1'000'000};
        ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        const ssize_t got = ::read(socket, buffer, sizeof buffer);
        if (got == 0) return text;
        if (got < 0 && errno != EINTR) return std::nullopt;
        if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
    }
    return std::nullopt;
}

}  // namespace

std::optional<LiveObjects> parse_class_histogram(std::string_view text) {
    LiveObjects live;
    std::uint64_t objects = 0, bytes = 0;
    for (const std::string_view line : split(text, '\n')) {
        const std::vector<std::string_view> words = words_of(line);
        if (words.size() < 3) continue;
        const auto count = parse_number(words[1]), size = parse_number(words[2]);
        if (!count || !size) continue;
        if (words[0] == "Total") {
            live.objects = *count;
            live.bytes = *size;
            if (objects != live.objects || bytes != live.bytes) return std::nullopt;
            return live;
        }
        if (words.size() < 4 || !words[0].ends_with(':')) continue;
        objects += *count;
        bytes += *size;
        live.classes.push_back({class_name(words[3]), *count, *size});
    }
    return std::nullopt;
}

bool is_jvm(int pid) {
    const auto maps = read_small_file("/proc/" + std::to_string(pid) + "/maps");
    return maps && maps->find("/libjvm.so") != std::string::npos;
}

// The protocol is that of HotSpot's attachListener.cpp: version 1, the command, and three arguments, each with a NUL at its end; the
// answer is the command's status ("0" where it went well) in a line, then its text.
std::optional<LiveObjects> count_live_objects(int pid, Nanoseconds timeout) {
    constexpr char kRequest[] = "1\0jcmd\0GC.class_histogram\0\0";  // and the NUL that ends every literal
    const Nanoseconds deadline = system_clock().monotonic() + timeout;
    const Descriptor socket = attach(pid, deadline);
    if (socket.get() < 0 || ::send(socket.get(), kRequest, sizeof kRequest, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof kRequest))
        return std::nullopt;
    const auto answer = read_answer(socket.get(), deadline);
    if (!answer || !answer->starts_with("0\n")) return std::nullopt;
    return parse_class_histogram(*answer);
}

}  // namespace leakline::memory
