// What the attach tests share: what is known of a process from outside, and how an agent is attached to it.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "heap/internal/attach.hpp"
#include "heap/internal/running_program.hpp"
#include "heap/recorder.hpp"
#include "streams.hpp"
#include "support/comes_true.hpp"
#include "system/child_process.hpp"
#include "system/copy_name.hpp"
#include "system/proc_file.hpp"
#include "system/tracing.hpp"

namespace leakline::test {

// Words outside of stacks and heaps that lead into the agent's code: 0 if all slots have their own values.
inline std::size_t pointers_to_agent(int pid) {
    const auto mappings = parse_mappings(read_small_file(fmt::format("/proc/{}/maps", pid)).value_or(""));
    std::uint64_t begin = 0, end = 0;
    for (const Mapping& mapping : mappings)
        if (mapping.executable && mapping.path.find(heap::attached_name()) != std::string::npos) begin = mapping.begin, end = mapping.end;
    std::size_t found = 0;
    std::string file;
    std::uint64_t file_end = 0;
    for (const Mapping& mapping : mappings) {
        const bool data_behind = mapping.path.empty() && mapping.begin == file_end && !file.empty();  // .bss
        if (mapping.is_file()) file = mapping.path, file_end = mapping.end;
        if (file.find(heap::attached_name()) != std::string::npos) continue;
        if ((!mapping.is_file() && !data_behind) || mapping.executable || !mapping.readable || mapping.shared) continue;
        std::vector<std::uint64_t> words(mapping.size() / sizeof(std::uint64_t));
        if (!read_memory(pid, mapping.begin, words.data(), words.size() * sizeof(std::uint64_t))) continue;
        found +=
            static_cast<std::size_t>(std::count_if(words.begin(), words.end(), [&](auto word) { return word >= begin && word < end; }));
    }
    return found;
}

inline std::size_t descriptors_of(int pid) {
    std::size_t count = 0;
    std::error_code none;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), none)) ++count;
    return count;
}

inline std::size_t mappings_of_agent(int pid) {
    const auto mappings = parse_mappings(read_small_file(fmt::format("/proc/{}/maps", pid)).value_or(""));
    return static_cast<std::size_t>(std::count_if(mappings.begin(), mappings.end(), [](const Mapping& mapping) {
        return mapping.path.find("memfd:leakline-") != std::string::npos;
    }));
}

// No thread is held by a tracer, none is the agent's, and no slot leads to it.
inline bool is_as_before(int pid) {
    for (const int thread : thread_ids(pid)) {
        const auto text = read_small_file(fmt::format("/proc/{}/task/{}/stat", pid, thread));
        const auto stat = text ? parse_stat(*text) : std::nullopt;
        if (!stat) continue;
        if (stat->state == 't' || stat->state == 'T' || stat->comm == kAgentName) return false;
    }
    return pointers_to_agent(pid) == 0;
}

// A program that is asked by lines on its standard input.
class AskedProgram {
  public:
    explicit AskedProgram(std::vector<std::string> arguments) {
        int in[2], out[2];
        REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
        REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
        Command command;
        command.arguments = std::move(arguments);
        command.before_exec = [&] { return ::dup2(in[0], 0) == 0 && ::dup2(out[1], 1) == 1; };
        child_.emplace(Child::start(command));
        ::close(in[0]), ::close(out[1]);
        input_ = in[1], output_ = out[0];
    }
    ~AskedProgram() { ::close(input_), ::close(output_); }
    AskedProgram(const AskedProgram&) = delete;
    AskedProgram& operator=(const AskedProgram&) = delete;

    int pid() const { return child_->pid(); }
    Child& child() { return *child_; }
    void tell(const std::string& line) {
        REQUIRE(::write(input_, (line + "\n").data(), line.size() + 1) == static_cast<ssize_t>(line.size() + 1));
    }
    std::string answer() {
        std::string line;
        for (char c; ::read(output_, &c, 1) == 1 && c != '\n';) line += c;
        return line;
    }
    std::string ask(const std::string& line) {
        tell(line);
        return answer();
    }

  private:
    std::optional<Child> child_;
    int input_ = -1, output_ = -1;
};

inline heap::RecordOptions attach_to(int pid, Bytes interval = 1) {
    heap::RecordOptions options;
    options.attach_to = pid;
    options.sample_interval = interval;
    return options;
}

// Live bytes at the end that were allocated through a function.
inline std::int64_t live_through(const HeapProfile& profile, std::string_view function) {
    return cost_through(profile, profile.marks.size() - 1, function).live_bytes;
}

inline std::string refusal(int pid, Nanoseconds patience = std::chrono::seconds(5)) {
    try {
        heap::attach_agent(pid, 1, {}, patience);
    } catch (const Error& error) {
        return error.what();
    }
    return "attached";
}

inline int number(const std::string& answer) { return std::stoi(answer.substr(answer.find(' ') + 1)); }

inline heap::RecordOptions attach_to_tree(int pid, Bytes interval = 1) {
    heap::RecordOptions options = attach_to(pid, interval);
    options.descendants = heap::Descendants::recorded;
    return options;
}

inline bool is_attached(const heap::Recorder& recorder, int pid) {
    const std::vector<int> pids = recorder.attached_to();
    return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

}  // namespace leakline::test
