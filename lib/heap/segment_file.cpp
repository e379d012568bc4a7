#include "heap/internal/segment_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "heap/internal/live_bytes.hpp"
#include "system/clock.hpp"

namespace leakline::heap {

namespace {

using namespace agent;

// Larger than those of any agent; bounds the allocations for a damaged file.
constexpr std::uint32_t kMaxSamples = 1u << 24, kMaxFrameWords = 1u << 26, kMaxStacks = 1u << 22, kMaxModules = 1u << 16,
                        kMaxNames = 1u << 24, kMaxAnswer = 1u << 26, kMaxDescriptors = 1u << 22, kMaxThreads = 1u << 20;
constexpr std::uint64_t kLargestInterval = SamplingState::kLargestInterval;
constexpr double kLargestCount = 1e15;

Nanoseconds nanoseconds(std::uint64_t count) { return Nanoseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(count, INT64_MAX))); }

bool is_power_of_two(std::uint32_t n) { return n != 0 && (n & (n - 1)) == 0; }

}  // namespace

bool is_plausible(const SegmentSizes& sizes) {
    return sizes.samples <= kMaxSamples && sizes.frames <= kMaxFrameWords && sizes.stacks <= kMaxStacks && sizes.modules <= kMaxModules &&
           sizes.names <= kMaxNames && sizes.answer <= kMaxAnswer && sizes.descriptors <= kMaxDescriptors && sizes.threads <= kMaxThreads &&
           is_power_of_two(sizes.sample_heads) && is_power_of_two(sizes.stack_heads);
}

namespace {

// A buffer of objects with atomic members.
template <class Object>
class Room {
  public:
    explicit Room(std::size_t count) : bytes_(std::make_unique<std::byte[]>(std::max<std::size_t>(count * sizeof(Object), 1))) {}
    void* data() { return bytes_.get(); }
    const Object& operator[](std::size_t i) const { return *reinterpret_cast<const Object*>(bytes_.get() + i * sizeof(Object)); }

  private:
    std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace

double SampledBlock::probability() const {
    return interval <= 1 ? 1 : -std::expm1(-static_cast<double>(size) / static_cast<double>(interval));
}

BlockEstimate estimate_of(const SampledBlock& block) {
    const double probability = std::max(block.probability(), 1e-12), bytes = static_cast<double>(block.size);
    return {1 / probability, bytes / probability, bytes * bytes * (1 - probability) / (probability * probability),
            static_cast<double>(malloc_overhead(block.size)) / probability};
}

SegmentReader::SegmentReader(Descriptor file, std::string name, Nanoseconds patience)
    : file_(std::move(file)), name_(std::move(name)), patience_(patience) {
    Room<SegmentHeader> room(1);
    if (!read_bytes(0, room.data(), sizeof(SegmentHeader)))
        throw Error(ErrorKind::input, name_, "is not a segment of leakline's agent: it is too short");
    const SegmentHeader& header = room[0];
    if (header.magic != kSegmentMagic) throw Error(ErrorKind::input, name_, "is not a segment of leakline's agent");
    if (header.version != kSegmentVersion)
        throw Error(ErrorKind::input, name_, "is a segment of another version of leakline", "use the leakline that started the process");
    if (header.ready.load(std::memory_order_acquire) != 1)
        throw Error(ErrorKind::input, name_, "is not ready: its process is still starting");
    if (!is_plausible(header.sizes)) throw Error(ErrorKind::input, name_, "is damaged: its tables have impossible sizes");
    sizes_ = header.sizes;
    layout_ = layout_of(sizes_);
    pid_ = header.pid;
    parent_ = header.parent;
    started_ = nanoseconds(header.started_ns);
    exact_ = header.exact != 0;
    own_allocator_ = {header.own_allocator.load(), name_at(header.own_allocator_name.load()), name_at(header.own_allocator_why.load())};
    interval_ = std::clamp<std::uint64_t>(SamplingState::unpacked(header.sampling.load()).interval, 1, kLargestInterval);
    executable_ = text_at(header.executable.load());
    command_ = text_at(header.command.load(), header.command_size.load());
    while (!command_.empty() && command_.back() == '\0') command_.pop_back();
    std::replace(command_.begin(), command_.end(), '\0', ' ');
}

bool SegmentReader::read_bytes(std::uint64_t place, void* to, std::size_t size) const {
    return read_at(file_.get(), to, size, place) == size;
}

std::string SegmentReader::text_at(std::uint32_t place, std::optional<std::uint32_t> size) const {
    constexpr std::uint32_t kLongest = 4096;
    if (place >= sizes_.names) return {};
    std::string text(std::min({size.value_or(kLongest), kLongest, sizes_.names - place}), '\0');
    if (!read_bytes(layout_.names + place, text.data(), text.size())) return {};
    if (!size) text.resize(std::min(text.find('\0'), text.size()));
    return text;
}

bool SegmentReader::read_stacks(const SegmentHeader& header) {
    const std::uint32_t used = std::min(header.stacks_used.load(), sizes_.stacks);
    // Frames are written before the stack that refers to them.
    Room<agent::Stack> room(used);
    if (!read_bytes(layout_.stacks, room.data(), used * sizeof(agent::Stack))) return false;
    Room<SegmentHeader> newer(1);
    if (!read_bytes(0, newer.data(), sizeof(SegmentHeader))) return false;
    const std::uint32_t words = std::min(newer[0].frames_used.load(), sizes_.frames);
    if (words > frames_.size()) {
        const std::size_t before = frames_.size();
        frames_.resize(words);
        if (!read_bytes(layout_.frames + before * sizeof(std::uint64_t), frames_.data() + before, (words - before) * sizeof(std::uint64_t)))
            return false;
    }
    stacks_.resize(std::max<std::size_t>(used, stacks_.size()));
    for (std::uint32_t i = 0; i < used; ++i) {
        const agent::Stack& stack = room[i];
        Stack& into = stacks_[i];
        if (stack.depth <= kMaxFrames && stack.first <= frames_.size() && stack.depth <= frames_.size() - stack.first) {
            into.first = stack.first;
            into.depth = stack.depth;
        }
        into.epoch = stack.epoch.load();
        into.allocations = std::min(static_cast<double>(stack.allocations_q8.load()) / 256, kLargestCount);
        into.allocated_bytes = stack.allocated_bytes.load();
    }
    return true;
}

bool SegmentReader::read_modules(const SegmentHeader& header) {
    const std::uint32_t used = std::min(header.modules_used.load(), sizes_.modules);
    Room<agent::Module> room(used);
    if (!read_bytes(layout_.modules, room.data(), used * sizeof(agent::Module))) return false;
    for (std::uint32_t i = 0; i < used; ++i) {
        const agent::Module& module = room[i];
        if (i == modules_.size()) modules_.push_back({module.begin, module.end, module.base, module.first_epoch, 0, text_at(module.name)});
        modules_[i].last_epoch = module.last_epoch.load();
    }
    return true;
}

// Numbers are read before and after the other fields: if they are equal and not 0, the fields belong to one sample.
bool SegmentReader::read_samples(const SegmentHeader& header) {
    const std::uint32_t used = std::min(header.samples_used.load(), sizes_.samples);
    const auto state_now = [&]() -> std::optional<SamplingState> {
        Room<SegmentHeader> room(1);
        if (!read_bytes(0, room.data(), sizeof(SegmentHeader))) return std::nullopt;
        SamplingState state = SamplingState::unpacked(room[0].sampling.load());
        state.interval = std::clamp<std::uint64_t>(state.interval, 1, kLargestInterval);
        return state;
    };
    const auto same = [](const SamplingState& a, const SamplingState& b) { return a.interval == b.interval && a.thinned == b.thinned; };
    Room<Sample> first(used), middle(used), last(used);
    std::optional<SamplingState> state;
    constexpr Nanoseconds kPause = std::chrono::milliseconds(2);
    for (auto pauses_left = patience_ / kPause; pauses_left >= 0; --pauses_left) {
        state = state_now();
        if (!state) return false;
        if (state->thinned == SamplingState::kAllThinned || pauses_left == 0) {
            for (Room<Sample>* room : {&first, &middle, &last})
                if (!read_bytes(layout_.samples, room->data(), used * sizeof(Sample))) return false;
            const auto after = state_now();
            if (!after) return false;
            if (same(*state, *after)) break;
        }
        if (pauses_left > 0) system_clock().sleep_until(system_clock().monotonic() + kPause);
    }
    interval_ = state->interval;
    samples_.assign(used, {});
    for (std::uint32_t i = 0; i < used; ++i) {
        const std::uint64_t number = first[i].number.load();
        if (number == 0 || number != last[i].number.load()) continue;
        SampledBlock& block = samples_[i];
        block.number = number;
        block.size = std::min<std::uint64_t>(middle[i].size.load(), kLargestBlock);
        block.at = nanoseconds(middle[i].at_ns.load());
        block.stack = middle[i].stack.load();
        block.interval = std::max<std::uint64_t>(state->interval_of(i), 1);
    }
    return true;
}

bool SegmentReader::read_descriptors(const SegmentHeader& header) {
    const std::uint32_t used = std::min(header.descriptors_used.load(), sizes_.descriptors);
    Room<OpenDescriptor> room(used);
    if (!read_bytes(layout_.descriptors, room.data(), used * sizeof(OpenDescriptor))) return false;
    descriptors_.assign(used, std::nullopt);
    for (std::uint32_t i = 0; i < used; ++i)
        if (const std::uint32_t entry = room[i].load(); entry != 0) descriptors_[i] = entry - 1;
    return true;
}

bool SegmentReader::read_threads(const SegmentHeader& header) {
    const std::uint32_t used = std::min(header.threads_used.load(), sizes_.threads);
    Room<StartedThread> room(used);
    if (!read_bytes(layout_.threads, room.data(), used * sizeof(StartedThread))) return false;
    threads_.clear();
    for (std::uint32_t i = 0; i < used; ++i)
        if (const std::uint32_t stack = room[i].stack.load(); stack != 0)
            threads_.push_back({stack - 1, room[i].id.load(), room[i].detached.load() != 0});
    return true;
}

bool SegmentReader::read() {
    Room<SegmentHeader> room(1);
    if (!read_bytes(0, room.data(), sizeof(SegmentHeader)) || !read_samples(room[0]) || !read_descriptors(room[0]) ||
        !read_threads(room[0]))
        return false;
    // In this order: the agent writes the stack of a sample or descriptor before it, and the modules of a stack before the stack.
    if (!read_bytes(0, room.data(), sizeof(SegmentHeader)) || !read_stacks(room[0])) return false;
    if (!read_bytes(0, room.data(), sizeof(SegmentHeader)) || !read_modules(room[0]) || stacks_.empty()) return false;
    for (SampledBlock& block : samples_)
        if (block.stack >= stacks_.size()) block.stack = 0;
    for (std::optional<std::uint32_t>& stack : descriptors_)
        if (stack && *stack >= stacks_.size()) stack = 0;
    for (Thread& thread : threads_)
        if (thread.stack >= stacks_.size()) thread.stack = 0;
    const SegmentHeader& header = room[0];
    losses_ = {header.unseen_frees.load(),     header.lost_samples.load(), header.lost_stacks.load(),
               header.lost_descriptors.load(), header.nested.load(),       header.lost_locks.load()};
    allocations_ = std::min(static_cast<double>(header.allocations_q8.load()) / 256, kLargestCount);
    sampled_ = header.sampled.load();
    peak_bytes_ = std::min<std::uint64_t>(header.peak_bytes.load(), kLargestBlock);
    peak_at_ = nanoseconds(header.peak_ns.load());
    stopped_ = header.stopped.load() != 0;
    python_ = header.python.load();
    return true;
}

}  // namespace leakline::heap
