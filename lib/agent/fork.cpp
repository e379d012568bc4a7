// A forked child, which records in a segment of its own, and whether the agent is on in this process.
#include <sys/mman.h>
#include <sys/syscall.h>

#include "agent/internal/probability.hpp"
#include "agent/internal/process_state.hpp"
#include "agent/internal/python.hpp"
#include "agent/internal/tables.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

namespace {

// Copies the samples that a forked child inherited. The parent continues to write to the segment that both have mapped; the child's are
// those with numbers up to the last one at the fork, which is in private memory. (A block that the parent frees before the child
// copies its sample is missing in the child.)
void take_over(const SegmentView& parents, std::uint64_t last_number) {
    const std::uint32_t used = parents.header->samples_used.load(std::memory_order_acquire);
    const std::uint32_t stack_count = parents.header->stacks_used.load(std::memory_order_acquire);
    const std::uint64_t interval = SamplingState::unpacked(process.segment.header->sampling.load(kRelaxed)).interval;
    for (std::uint32_t i = 0; i < used; ++i) {
        const Sample& there = parents.samples[i];
        const std::uint64_t number = there.number.load(std::memory_order_acquire);
        if (number == 0 || number > last_number) continue;
        SampledBlock block{there.address.load(kRelaxed), there.size.load(kRelaxed), there.at_ns.load(kRelaxed), there.stack.load(kRelaxed)};
        std::atomic_thread_fence(std::memory_order_acquire);
        if (there.number.load(kRelaxed) != number || block.stack >= stack_count) continue;
        const Stack& stack = parents.stacks[block.stack];
        block.stack = stack.depth == 0 ? 0 : process.stacks.find(parents.frames + stack.first, stack.depth);
        // Counted as allocated in the child too, so that no stack has more live blocks than allocations.
        if (!process.samples.insert(block)) continue;
        const double probability = sampling_probability(block.size, interval);
        process.segment.stacks[block.stack].allocations_q8.fetch_add(static_cast<std::uint64_t>(256 / probability + 0.5), kRelaxed);
        process.segment.stacks[block.stack].allocated_bytes.fetch_add(
            static_cast<std::uint64_t>(static_cast<double>(block.size) / probability + 0.5), kRelaxed);
        count(process.segment.header->sampled);
    }
}

bool begin_in_child() {
    Work expected = Work::not_begun;
    if (process.sandboxed) return false;
    if (!process.fork_marker->work.compare_exchange_strong(expected, Work::beginning, std::memory_order_acq_rel))
        return expected == Work::on;
    if (process.attached) {
        leave_parents_recording();
        return false;
    }
    const SegmentView parents = process.segment;
    const std::uint64_t parents_bytes = process.segment_bytes, last_number = process.samples.last_number();
    Mapping mapping;
    const SamplingState state = SamplingState::unpacked(parents.header->sampling.load(kRelaxed));
    process.lock.forget();
    python::begin_in_child();
    bool works = map_new_segment(process.directory, process.segment_path, parents.header->pid,
                                 parents.header->exact != 0 ? 1 : state.interval, mapping);
    if (works) {
        mapping.view.header->sampling.store(SamplingState{state.interval, SamplingState::kAllThinned}.packed(), kRelaxed);
        begin_tables(mapping);
        // The places of names stay, to which Python frames refer.
        works = process.stacks.copy_names(parents);
    }
    if (works) {
        SegmentHeader& header = *process.segment.header;
        header.executable.store(parents.header->executable.load(kRelaxed), kRelaxed);
        header.command.store(parents.header->command.load(kRelaxed), kRelaxed);
        header.command_size.store(parents.header->command_size.load(kRelaxed), kRelaxed);
        header.python.store(parents.header->python.load(kRelaxed), kRelaxed);
        header.own_allocator.store(parents.header->own_allocator.load(kRelaxed), kRelaxed);
        header.own_allocator_name.store(parents.header->own_allocator_name.load(kRelaxed), kRelaxed);
        header.own_allocator_why.store(parents.header->own_allocator_why.load(kRelaxed), kRelaxed);
        take_over(parents, last_number);
        process.segment.header->ready.store(1, std::memory_order_release);
    }
    ::munmap(parents.header, parents_bytes);
    if (!works) address_filter.reset(false);
    process.fork_marker->pid.store(unwind::system_call(SYS_getpid), kRelaxed);
    process.fork_marker->work.store(works ? Work::on : Work::off, std::memory_order_release);
    return works;
}

}  // namespace

bool make_fork_marker() {
    if (process.fork_marker != nullptr) return true;
    void* const page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    if (::madvise(page, kPage, MADV_WIPEONFORK) != 0) {
        ::munmap(page, kPage);
        return false;
    }
    process.fork_marker = static_cast<ForkMarker*>(page);
    process.fork_marker->pid.store(unwind::system_call(SYS_getpid), kRelaxed);
    return true;
}

void leave_parents_recording() {
    process.lock.forget();
    address_filter.reset(false);
    process.fork_marker->work.store(Work::off, std::memory_order_release);
}

bool is_on() {
    if (process.fork_marker == nullptr) return false;
    const Work work = process.fork_marker->work.load(std::memory_order_acquire);
    return work == Work::on || (work == Work::not_begun && begin_in_child());
}

void stop() {
    if (!process.attached) {
        process.segment.header->stopped.store(1, kRelaxed);
        count(process.segment.header->lost_locks);
    }
    process.fork_marker->work.store(Work::off, std::memory_order_release);
}

LockedTables::LockedTables() {
    if (!is_on()) return;
    if (!process.lock.lock()) {
        stop();
    } else if (process.fork_marker->work.load(kRelaxed) == Work::on) {
        locked_ = true;
    } else {  // it ended meanwhile, and the segment is gone
        process.lock.unlock();
    }
}
LockedTables::~LockedTables() {
    if (locked_) process.lock.unlock();
}

bool is_recording() { return process.fork_marker != nullptr && process.fork_marker->work.load(std::memory_order_acquire) == Work::on; }

bool has_recorded_resources() {
    return is_recording() && (process.sandboxed || process.fork_marker->pid.load(kRelaxed) == unwind::system_call(SYS_getpid));
}

bool records_resources() {
    constexpr std::uint32_t kOpensOfWorker = 16;
    if (process.fork_marker == nullptr) return false;
    if (process.fork_marker->work.load(std::memory_order_acquire) != Work::not_begun) return has_recorded_resources();
    const long pid = unwind::system_call(SYS_getpid);
    if (process.fork_marker->pid.exchange(pid, kRelaxed) != pid) process.fork_marker->opens.store(0, kRelaxed);
    return process.fork_marker->opens.fetch_add(1, kRelaxed) >= kOpensOfWorker && is_on();
}

}  // namespace leakline::agent
