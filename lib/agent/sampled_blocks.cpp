// What the hooks call to record blocks: which calls become samples, and their stacks.
#include <errno.h>

#include "agent/internal/agent.hpp"
#include "agent/internal/floating_point.hpp"
#include "agent/internal/probability.hpp"
#include "agent/internal/process_state.hpp"
#include "agent/internal/python.hpp"
#include "agent/internal/stack_capture.hpp"
#include "agent/internal/tables.hpp"
#include "agent/internal/thread_state.hpp"

namespace leakline::agent {

__thread ThreadState thread_state __attribute__((tls_model("initial-exec")));
constinit AddressFilter address_filter;

namespace {

// Of native code called by the innermost Python function, and of the interpreter below it.
constexpr unsigned kMaxNativeFrames = 24;

// Bytes that a thread allocates before it checks again whether the agent is on.
constexpr std::uint64_t kCheckAgain = 1 << 16;
// What the stack of a Python function costs, in stacks of return addresses.
constexpr std::uint32_t kPythonCost = 10;

void seed(ThreadState& thread) {
    std::uint64_t x = reinterpret_cast<std::uint64_t>(&thread) * 0x9e3779b97f4a7c15u ^ now_ns(CLOCK_MONOTONIC);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;  // splitmix64's finalizer (Steele et al., 2014)
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    thread.random = (x ^ x >> 31) | 1;
}

void add_to_stack(std::uint32_t stack, std::uint64_t size, std::uint64_t interval) {
    const double probability = sampling_probability(size, interval);
    const auto calls_q8 = static_cast<std::uint64_t>(256 / probability + 0.5);
    process.segment.stacks[stack].allocations_q8.fetch_add(calls_q8, kRelaxed);
    process.segment.stacks[stack].allocated_bytes.fetch_add(static_cast<std::uint64_t>(static_cast<double>(size) / probability + 0.5),
                                                            kRelaxed);
    process.segment.header->allocations_q8.fetch_add(calls_q8, kRelaxed);
}

}  // namespace

CapturedStack capture(ThreadState& thread, const void* frame) {
    const void* const python_frame = python::innermost_frame();
    const unsigned depth = capture_stack(frame, thread.frames, python_frame != nullptr ? kMaxNativeFrames : kMaxFrames);
    // Without our own: operator new, and hooks of functions that allocate (fopen).
    unsigned kept = 0;
    for (unsigned i = 0; i < depth; ++i)
        if (const std::uint64_t address = thread.frames[i]; address < process.own_begin || address >= process.own_end)
            thread.frames[kept++] = address;
    return {python_frame, kept > 0 ? kept : 1};
}

std::uint32_t put_stack(ThreadState& thread, CapturedStack& captured) {
    if (const PythonState loaded = python::notice(thread.frames[0]); loaded != PythonState::none)
        process.segment.header->python.store(loaded, kRelaxed);
    if (captured.python_frame != nullptr)
        captured.depth = python::put_functions(captured.python_frame, thread.frames, captured.depth, kMaxFrames, process.stacks);
    const std::uint32_t stack = process.stacks.find(thread.frames, captured.depth);
    if (stack == 0) count(process.segment.header->lost_stacks);
    return stack;
}

bool choose(std::size_t size) {
    ThreadState& thread = thread_state;
    const OwnFloatingPoint floating_point;
    if (thread.busy) {  // in a signal handler
        count(process.nested_calls);
        thread.left = thread.interval > 1 ? bytes_to_next_sample(thread.random, thread.interval) : thread.interval == 1 ? 0 : kCheckAgain;
        return false;
    }
    if (is_nested(thread)) return false;
    const Inside inside(thread);
    if (!is_on()) {
        thread.left = kCheckAgain;
        thread.interval = 0;
        return false;
    }
    const std::uint64_t interval = process.interval_now.load(kRelaxed);
    bool chosen = true;
    if (thread.interval == 0) {  // the first call of this thread
        seed(thread);
        thread.interval = interval;
        thread.left = bytes_to_next_sample(thread.random, interval);
        if (size < thread.left) {
            thread.left -= size;
            return false;
        }
    } else if (thread.interval != interval) {
        // Chosen at a smaller interval: keep it with the ratio of the probabilities.
        chosen = next_uniform(thread.random) * sampling_probability(size, thread.interval) <= sampling_probability(size, interval);
        thread.interval = interval;
    }
    thread.left = bytes_to_next_sample(thread.random, interval);
    return chosen && (size != 0 || interval <= 1);
}

void record(void* block, std::size_t size, const void* frame, BlockOrigin origin) {
    ThreadState& thread = thread_state;
    if (block == nullptr || thread.busy) return;
    const int error = errno;
    {
        const Inside inside(thread);
        const OwnFloatingPoint floating_point;
        CapturedStack captured = capture(thread, frame);
        const bool by_python = origin == BlockOrigin::allocated && captured.python_frame != nullptr &&
                               python::is_interpreter(reinterpret_cast<const void*>(thread.frames[0] - 1));
        const std::uint64_t address = reinterpret_cast<std::uint64_t>(block), at = now_ns(CLOCK_MONOTONIC_COARSE);
        if (const LockedTables locked; locked) {
            SegmentHeader& header = *process.segment.header;
            SampledBlock stale;
            if (address_filter.may_be_sample(block) && process.samples.remove(address, stale)) count(header.unseen_frees);
            process.samples.thin_when_needed(
                thread.random, {captured.python_frame != nullptr ? kPythonCost * process.one_block_in : process.one_block_in, at});
            const std::uint64_t interval = SamplingState::unpacked(header.sampling.load(kRelaxed)).interval;
            process.interval_now.store(interval, kRelaxed);
            header.nested.store(process.nested_calls.load(kRelaxed), kRelaxed);
            const std::uint32_t stack = put_stack(thread, captured);
            count(header.sampled);
            if (header.stacks_used.load(kRelaxed) == 0 || !process.samples.insert({address, size, at, stack}))
                count(header.lost_samples);
            else
                add_to_stack(stack, size, interval);
        }
        // The segment of an attached agent may be gone by now: there its own thread looks.
        if (!process.attached) begin_asked_search(by_python);
    }
    errno = error;
}

bool forget(void* block, SampledBlock& was) {
    ThreadState& thread = thread_state;
    if (thread.busy) {
        if (thread.deferred_count < sizeof thread.deferred / sizeof thread.deferred[0]) thread.deferred[thread.deferred_count++] = block;
        return false;
    }
    bool sampled = false;
    with_tables([&] {
        sampled = process.samples.remove(reinterpret_cast<std::uint64_t>(block), was);
        if (sampled) count(process.segment.header->freed);
    });
    return sampled;
}

void remember(const SampledBlock& was) {
    with_tables([&] {
        if (!process.samples.insert(was)) count(process.segment.header->lost_samples);
    });
}

bool remember_part(const SampledBlock& part, std::uint64_t size) {
    if (part.size < size) {
        ThreadState& thread = thread_state;
        const OwnFloatingPoint floating_point;
        const std::uint64_t interval = process.interval_now.load(kRelaxed);
        if (thread.random == 0) seed(thread);
        if (next_uniform(thread.random) * sampling_probability(size, interval) > sampling_probability(part.size, interval)) return false;
    }
    remember(part);
    return true;
}

}  // namespace leakline::agent
