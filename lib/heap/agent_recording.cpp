#include "heap/internal/agent_recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "heap/elf_file.hpp"
#include "system/proc_file.hpp"

namespace leakline::heap {

namespace {

// "Index.add" of "Index.add.<locals>.<listcomp>" (CPython 3.11 and later): the code of a comprehension is a part of the function around it.
std::string_view function_around(std::string_view name) {
    constexpr std::string_view kBetween = ".<locals>.";
    for (;;) {
        const std::size_t end = name.rfind(kBetween);
        const std::string_view last = end == name.npos ? std::string_view() : name.substr(end + kBetween.size());
        if (last != "<listcomp>" && last != "<dictcomp>" && last != "<setcomp>" && last != "<genexpr>") return name;
        name = name.substr(0, end);
    }
}

constexpr double kLargest = 9e15;  // bounds sums of a damaged segment

std::int64_t whole(double value) { return std::llround(std::clamp(value, -kLargest, kLargest)); }

}  // namespace

AgentRecording::AgentRecording(std::string executable, std::string command, Children children, bool attached)
    : modules_(symbols_), command_(std::move(command)), children_(children), attached_(attached) {
    symbols_.format = 3;
    symbols_.executable = std::move(executable);
    // As in a raw recording, the first trace has no calls and address 0.
    symbols_.addresses.push_back(0);
    ip_ids_.emplace(std::pair(0u, std::uint64_t{0}), 1);
    traces_.push_back({IpId{1}, TraceId{}});
    trace_ids_.emplace(std::uint64_t{1} << 32, 1);
}

AgentRecording::Process& AgentRecording::add(SegmentReader segment, int pid) {
    if (processes_.empty()) sampling_.first_interval = segment.interval();
    sampling_.interval = std::max(sampling_.interval, segment.interval());
    if (pid == 0) pid = segment.pid();
    Process& process = processes_.emplace_back(std::move(segment), pid);
    process.files_ = &files_of(pid);
    if (children_ == Children::each) process.root_ = root_of(process.segment_);
    return process;
}

const ProcessRoot& AgentRecording::files_of(int pid) {
    ProcessRoot root(pid);
    const auto known = std::find_if(roots_.begin(), roots_.end(), [&](const ProcessRoot& other) { return root.same_as(other); });
    if (known != roots_.end()) return *known;
    if (!root.is_ours()) symbols_.roots.push_back(root.folder());
    return roots_.emplace_back(std::move(root));
}

void AgentRecording::remove(Process& process) {
    take(process, false);
    removed_.add(process.segment_);
    processes_.remove_if([&](const Process& other) { return &other == &process; });
}

void AgentRecording::Quality::add(const SegmentReader& segment) {
    losses.unseen_frees += segment.losses().unseen_frees;
    losses.samples += segment.losses().samples;
    losses.stacks += segment.losses().stacks;
    losses.descriptors += segment.losses().descriptors;
    sampled += segment.sampled();
    ++processes;
    stopped += segment.stopped() ? 1 : 0;
    unknown_python += segment.python() == agent::PythonState::unknown_version ? 1 : 0;
    if (const auto& own = segment.own_allocator(); own.state == agent::OwnAllocator::State::left_alone)
        unseen_allocators.insert(own_allocator_warning(printable(segment.executable()), printable(own.name), printable(own.why)));
}

// At an address that no code has.
IpId AgentRecording::add_named(std::string function, std::string file, std::uint32_t line) {
    constexpr std::uint64_t kAddresses = std::uint64_t{1} << 45;
    symbols_.addresses.push_back(kAddresses + symbols_.named.size());
    const IpId ip{static_cast<std::uint32_t>(symbols_.addresses.size())};
    symbols_.named.push_back({ip, std::move(function), std::move(file), line});
    ip_ids_.try_emplace({0u, symbols_.addresses.back()}, ip.value);
    return ip;
}

// A frame of the process.
std::uint32_t AgentRecording::root_of(const SegmentReader& segment) {
    // The number last, because tables cut long names at the front.
    std::string name = printable(file_name(segment.executable()));
    if (segment.parent() != 0) name += fmt::format(", child of {}", segment.parent());
    name += fmt::format(", pid {}", segment.pid());
    const IpId ip = add_named(std::move(name), {}, 0);
    symbols_.processes.push_back(ip);
    traces_.push_back({ip, TraceId{}});
    return static_cast<std::uint32_t>(traces_.size());
}

// Processes have their names at different places.
IpId AgentRecording::python_ip_of(Process& process, std::uint64_t frame) {
    IpId& known = process.python_ips_[frame];
    if (known) return known;
    const auto [file, function, line] = agent::PythonFrame::unpacked(frame);
    const auto [place, inserted] =
        python_ips_.try_emplace({process.segment_.name_at(file), printable(function_around(process.segment_.name_at(function))), line});
    if (inserted) place->second = add_named(std::get<1>(place->first), std::get<0>(place->first), line);
    return known = place->second;
}

// The same place in a file has one id in all processes, wherever they have loaded it.
IpId AgentRecording::ip_of(const Process& process, std::uint64_t return_address, std::uint32_t epoch) {
    const std::uint64_t address = return_address - 1;  // of the call
    const auto& modules = process.segment_.modules();
    const auto module = std::find_if(modules.begin(), modules.end(), [&](const SegmentReader::Module& m) {
        return m.begin <= address && address < m.end && m.first_epoch <= epoch && epoch <= m.last_epoch;
    });
    const bool known = module != modules.end();
    const std::string path =
        !known ? std::string() : process.files_->path_of(module->name.empty() ? process.segment_.executable() : module->name);
    const std::uint32_t number =
        known ? path_numbers_.try_emplace(path, static_cast<std::uint32_t>(path_numbers_.size() + 1)).first->second : 0;
    const auto [place, inserted] =
        ip_ids_.try_emplace({number, known ? address - module->begin : address}, static_cast<std::uint32_t>(ip_ids_.size() + 1));
    if (inserted) {
        const std::uint64_t in_feed = known ? modules_.translate({path, module->begin, module->end, module->base}, address) : address;
        modules_.put_table();
        symbols_.addresses.push_back(in_feed);
    }
    return IpId{place->second};
}

std::uint32_t AgentRecording::trace_of(Process& process, std::uint32_t index) {
    if (index >= process.trace_of_stack_.size()) process.trace_of_stack_.resize(process.segment_.stacks().size());
    std::uint32_t& known = process.trace_of_stack_[index];
    if (known != 0) return known;
    const SegmentReader::Stack& stack = process.segment_.stacks()[index];
    std::uint32_t trace = process.root_;
    for (std::uint32_t i = stack.depth; i > 0; --i) {
        const std::uint64_t frame = process.segment_.frames()[stack.first + i - 1];
        const IpId ip = agent::PythonFrame::is_one(frame) ? python_ip_of(process, frame) : ip_of(process, frame, stack.epoch);
        const auto [place, inserted] =
            trace_ids_.try_emplace(std::uint64_t{ip.value} << 32 | trace, static_cast<std::uint32_t>(traces_.size() + 1));
        if (inserted) traces_.push_back({ip, TraceId{trace}});
        trace = place->second;
    }
    known = trace != 0 ? trace : 1;
    return known;
}

void AgentRecording::take(Process& process, bool live) {
    const SegmentReader& segment = process.segment_;
    process.counted_.resize(segment.stacks().size());
    process.trace_of_stack_.resize(segment.stacks().size());
    for (std::uint32_t i = 0; i < segment.stacks().size(); ++i) {
        const SegmentReader::Stack& stack = segment.stacks()[i];
        Process::Counted& counted = process.counted_[i];
        if (stack.allocations <= counted.allocations) continue;
        const std::uint32_t trace = trace_of(process, i);
        if (trace > allocations_.size()) {
            allocations_.resize(traces_.size());
            allocated_.resize(traces_.size());
        }
        allocations_[trace - 1] += stack.allocations - counted.allocations;
        events_ += stack.allocations - counted.allocations;
        allocated_[trace - 1] += stack.allocated_bytes - std::min(stack.allocated_bytes, counted.bytes);
        counted = {stack.allocations, stack.allocated_bytes};
    }
    const std::size_t places = std::max(segment.samples().size(), process.known_.size());
    process.known_.resize(places);
    for (std::size_t i = 0; i < places; ++i) {
        Process::Known now;
        BlockEstimate estimate;
        if (live && i < segment.samples().size() && segment.samples()[i].number != 0) {
            const SampledBlock& block = segment.samples()[i];
            estimate = estimate_of(block);
            now = {block.number, block.interval, trace_of(process, block.stack), estimate.variance};
        }
        live_.resize(traces_.size());
        turnover_.resize(traces_.size());
        if (now.number != 0) {
            Live& sum = live_[now.trace - 1];
            sum.bytes += estimate.bytes;
            sum.blocks += estimate.blocks;
            sum.variance += estimate.variance;
            overhead_ += estimate.overhead;
            sampling_.interval = std::max(sampling_.interval, now.interval);
        }
        Process::Known& before = process.known_[i];
        if (before.number != now.number || before.interval != now.interval) {
            if (before.number != 0) turnover_[before.trace - 1] += before.variance;
            if (now.number != 0) turnover_[now.trace - 1] += now.variance;
        }
        before = now;
    }
}

// Descriptors that were closed unseen are still in the segment.
void AgentRecording::take_open(Process& process) {
    const auto& stacks = process.segment_.descriptors();
    if (stacks.empty()) return;
    const auto numbers = process.ended_ ? std::nullopt : numbers_in(fmt::format("/proc/{}/fd", process.pid_));
    std::vector<bool> open(stacks.size(), !numbers);
    for (const std::uint32_t number : numbers.value_or(std::vector<std::uint32_t>()))
        if (number < open.size()) open[number] = true;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        if (stacks[i] && open[i]) count_open(Resource::descriptors, process, *stacks[i]);
    }
}

// A thread that has ended, and is neither joined nor detached, keeps the mappings of its stack.
void AgentRecording::take_threads(Process& process) {
    const auto& threads = process.segment_.threads();
    if (threads.empty() || process.ended_) return;
    const auto tasks = numbers_in(fmt::format("/proc/{}/task", process.pid_));
    if (!tasks) return;
    const std::set<std::uint32_t> alive(tasks->begin(), tasks->end());
    // In a PID namespace of its own, the process has other numbers for its threads.
    if (!alive.contains(static_cast<std::uint32_t>(process.segment_.pid()))) return;
    for (const SegmentReader::Thread& thread : threads) {
        if (alive.contains(thread.id))
            count_open(Resource::threads, process, thread.stack);
        else if (!thread.detached)
            count_open(Resource::mappings, process, thread.stack);
    }
}

void AgentRecording::count_open(Resource resource, Process& process, std::uint32_t stack) {
    const std::uint32_t trace = trace_of(process, stack);
    std::vector<std::uint64_t>& open = open_[static_cast<std::size_t>(resource)];
    open.resize(std::max<std::size_t>(open.size(), trace));
    ++open[trace - 1];
}

HeapMark AgentRecording::mark(MarkSchedule::Requested asked, Nanoseconds at, std::optional<Bytes> rss, const Process* also) {
    live_.assign(traces_.size(), {});
    for (std::vector<std::uint64_t>& open : open_) open.assign(open.size(), 0);
    overhead_ = 0;
    sampling_.samples = removed_.sampled;
    for (Process& process : processes_) {
        const bool live = !process.ended_ || &process == also;
        if (!process.ended_) process.segment_.read();
        if (live || !process.was_empty_) take(process, live);
        if (live) take_open(process);
        if (live) take_threads(process);
        process.was_empty_ = !live;
        sampling_.samples += process.segment_.sampled();
        sampling_.interval = std::max(sampling_.interval, process.segment_.interval());
    }
    HeapMark mark = new_mark(std::move(asked), at, rss);
    mark.overhead_bytes = whole(overhead_);
    for (auto* table : {&allocations_, &turnover_}) table->resize(traces_.size());
    allocated_.resize(traces_.size());
    live_.resize(traces_.size());
    written_.resize(traces_.size());
    double total = 0;
    for (std::size_t i = 0; i < traces_.size(); ++i) {
        TraceCost& written = written_[i];
        TraceCost cost;
        cost.allocations = static_cast<std::uint64_t>(whole(allocations_[i]));
        cost.allocated_bytes = allocated_[i];
        cost.live_bytes = whole(live_[i].bytes);
        cost.live_blocks = whole(live_[i].blocks);
        cost.live_variance = live_[i].variance;
        cost.turnover_variance = turnover_[i];
        total += live_[i].bytes;
        if (cost == written) continue;
        written = cost;
        mark.changes.push_back({TraceId{static_cast<std::uint32_t>(i + 1)}, cost});
    }
    for (std::size_t r = 0; r < kResourceCount; ++r) {
        open_written_[r].resize(open_[r].size());
        for (std::size_t i = 0; i < open_[r].size(); ++i)
            if (open_[r][i] != std::exchange(open_written_[r][i], open_[r][i]))
                mark.open.push_back({static_cast<Resource>(r), TraceId{static_cast<std::uint32_t>(i + 1)}, open_[r][i]});
    }
    if (total > static_cast<double>(peak_.bytes)) {
        peak_ = {static_cast<Bytes>(whole(total)), at, written_};
        for (TraceCost& cost : peak_.costs) cost = {0, 0, cost.live_bytes, cost.live_blocks, 0, 0};
    }
    return mark;
}

RecordedPeak AgentRecording::peak(Nanoseconds origin) const {
    RecordedPeak peak = peak_;
    // A process knows its own peak, also between marks. The peaks of several may be at different times.
    if (processes_.size() == 1 && removed_.processes == 0 && processes_.front().segment_.peak_bytes() > peak.bytes) {
        peak.bytes = processes_.front().segment_.peak_bytes();
        peak.at = std::max(processes_.front().segment_.peak_at() - origin, Nanoseconds::zero());
    }
    return peak;
}

void AgentRecording::resident(Nanoseconds at, Bytes bytes) {
    if (rss_ticks_.take(at)) rss_.push_back({at, bytes});
}

RecordedTables AgentRecording::tables() const {
    RecordedTables tables{symbols_, traces_, rss_, command_};
    double live = 0;
    for (const Live& trace : live_) live += trace.blocks;
    tables.attached = attached_;
    tables.events = static_cast<std::uint64_t>(std::max<std::int64_t>(whole(2 * events_ - live), 0));
    if (sampling_.interval > 1) tables.sampling = sampling_;
    return tables;
}

std::vector<std::string> AgentRecording::warnings() const {
    Quality quality = removed_;
    for (const Process& process : processes_) quality.add(process.segment_);
    const SegmentReader::Losses& sum = quality.losses;
    std::vector<std::string> warnings;
    if (sum.samples > 0)
        warnings.push_back(fmt::format(
            "{} of {} samples were lost because the file system of the segments (/dev/shm) is full: live bytes are underestimated",
            format_count(sum.samples), format_count(sampling_.samples)));
    if (sum.stacks > 0)
        warnings.push_back(
            fmt::format("{} samples have no stack because there were too many different stacks: their bytes are unattributed",
                        format_count(sum.stacks)));
    if (sum.descriptors > 0)
        warnings.push_back(fmt::format("{} descriptors were not recorded: there was no room for them", format_count(sum.descriptors)));
    // A few are normal: frees by a signal handler inside the agent.
    constexpr std::uint64_t kMinReported = 100;
    if (sum.unseen_frees > std::max(kMinReported, sampling_.samples / 100))
        warnings.push_back(
            fmt::format("{} frees were missed: the program frees memory in a way that the agent does not see, so lines may "
                        "seem to keep memory that was freed",
                        format_count(sum.unseen_frees)));
    if (quality.unknown_python > 0)
        warnings.push_back(
            "this version of Python is not one whose functions can be recorded (CPython 3.8 to 3.13): lines are those of the interpreter, and its small "
            "blocks are missing");
    warnings.insert(warnings.end(), quality.unseen_allocators.begin(), quality.unseen_allocators.end());
    if (quality.stopped > 0) warnings.push_back("the agent stopped in one process because a thread ended inside the agent");
    if (sampling_.first_interval <= 1 && sampling_.interval > 1)
        warnings.push_back(
            fmt::format("too many live blocks to record each: at the end, one in {} bytes was sampled", format_count(sampling_.interval)));
    return warnings;
}

}  // namespace leakline::heap
