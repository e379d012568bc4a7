#include "heap/internal/symbols.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/internal/fields.hpp"
#include "heap/internal/interpreted_records.hpp"
#include "heap/internal/line_buffer.hpp"
#include "system/child_process.hpp"
#include "system/descriptor.hpp"

namespace leakline::heap {

namespace {

// The raw stream without its events. Format 3 whatever the recording had: names come back with their lengths.
bool write_feed(int descriptor, const SymbolFeed& feed) {
    std::string text = fmt::format("v 10400 3\nx {:x} {}\n", feed.executable.size(), feed.executable);
    auto flush = [&] {
        const bool whole = write_all(descriptor, text) == text.size();
        text.clear();
        return whole;
    };
    auto table = feed.modules.begin();
    for (std::size_t i = 0; i < feed.addresses.size(); ++i) {
        for (; table != feed.modules.end() && table->first_ip <= i; ++table) text.append("m 1 -\n").append(table->lines);
        text += fmt::format("t {:x} 0\n", feed.addresses[i]);
        if (text.size() > (1 << 20) && !flush()) return false;
    }
    return flush();
}

// As the process itself names the file.
std::string_view inside_root(std::string_view path, const SymbolFeed& feed) {
    for (const std::string& root : feed.roots)
        if (path.starts_with(root) && path.substr(root.size()).starts_with('/')) return path.substr(root.size());
    return path;
}

void read_answer(int descriptor, const SymbolFeed& feed, Symbols& symbols) {
    LineBuffer buffer;
    std::size_t next = 0;
    for (;;) {
        const auto space = buffer.space();
        const ssize_t count = ::read(descriptor, space.data(), space.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        std::string_view lines = buffer.filled(static_cast<std::size_t>(count));
        while (!lines.empty()) {
            const std::string_view line = take_line(lines);
            if (line.starts_with("s ")) {
                symbols.strings.emplace_back(inside_root(Fields(line).sized_string().value_or(std::string_view{}), feed));
            } else if (line.starts_with("i ")) {
                InstructionPointer ip;
                if (!parse_ip_record(line, symbols.strings.size(), ip, symbols.frames)) continue;
                while (next < feed.addresses.size() && feed.addresses[next] != ip.address) ++next;
                if (next < feed.addresses.size()) symbols.ips[next++] = ip;
            }
        }
    }
}

void take_names(const SymbolFeed& feed, Symbols& symbols) {
    std::unordered_map<std::string_view, StringId> known;
    const auto string = [&](const std::string& text) -> StringId {
        if (text.empty()) return {};
        const auto [place, inserted] = known.try_emplace(text);
        if (inserted) {
            symbols.strings.push_back(text);
            place->second = StringId{static_cast<std::uint32_t>(symbols.strings.size())};
        }
        return place->second;
    };
    for (const SymbolFeed::Named& named : feed.named) {
        InstructionPointer& ip = symbols.ips[named.ip.value - 1];
        ip = {};
        ip.address = feed.addresses[named.ip.value - 1];
        ip.first_frame = static_cast<std::uint32_t>(symbols.frames.size());
        ip.frame_count = 1;
        symbols.frames.push_back({string(named.function), string(named.file), named.line});
    }
}

Symbols interpret(const SymbolFeed& feed, const std::string& interpreter) {
    Symbols symbols;
    symbols.ips.resize(feed.addresses.size());
    for (std::size_t i = 0; i < feed.addresses.size(); ++i) symbols.ips[i].address = feed.addresses[i];
    if (feed.addresses.empty()) return symbols;
    if (interpreter.empty()) {
        symbols.problem = "heaptrack_interpret is missing, so addresses have no names; install heaptrack";
        return symbols;
    }
    const Descriptor input(::memfd_create("leakline-addresses", MFD_CLOEXEC));
    int ends[2];
    if (input.get() < 0 || ::pipe2(ends, O_CLOEXEC) != 0) {
        symbols.problem = "addresses have no names: " + os_reason(errno);
        return symbols;
    }
    const Descriptor output(ends[0]);
    Descriptor write_end(ends[1]);
    if (!write_feed(input.get(), feed)) {
        symbols.problem = "addresses have no names: " + os_reason(errno);
        return symbols;
    }
    ::lseek(input.get(), 0, SEEK_SET);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::string program = interpreter;
    char* arguments[] = {program.data(), nullptr};
    pid_t pid = -1;
    const int failed = ::posix_spawn(&pid, interpreter.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    write_end.close();
    if (failed != 0) {
        symbols.problem = fmt::format("addresses have no names: {}: {}", interpreter, os_reason(failed));
        return symbols;
    }
    read_answer(output.get(), feed, symbols);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        ExitStatus end;
        if (WIFSIGNALED(status))
            end.signal = WTERMSIG(status);
        else
            end.code = WEXITSTATUS(status);
        symbols.problem = fmt::format("heaptrack_interpret ended early ({}), so some addresses have no names", end.text());
    }
    return symbols;
}

}  // namespace

Symbols find_symbols(const SymbolFeed& feed, const std::string& interpreter) {
    Symbols symbols = interpret(feed, interpreter);
    take_names(feed, symbols);
    return symbols;
}

}  // namespace leakline::heap
