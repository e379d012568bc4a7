#include "heap/internal/entry_patches.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/error.hpp"
#include "system/descriptor.hpp"
#include "system/loaded_object.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"
#include "system/stopped_process.hpp"

namespace leakline::heap {

namespace {

using agent::EntryPatch;
using agent::Patching;

constexpr std::uint32_t kMostPatches = 1024;

class EntryPatcher {
  public:
    EntryPatcher(int pid, std::vector<EntryPatch> patches)
        : pid_(pid), patches_(std::move(patches)), memory_(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDWR | O_CLOEXEC)) {}

    // All threads stand still.
    bool is_safe(const StoppedProcess& stopped) const {
        if (stopped.running() > 0) return false;
        const std::vector<Mapping> mappings = parse_mappings(read_small_file(fmt::format("/proc/{}/maps", pid_)).value_or(""));
        return std::none_of(stopped.threads().begin(), stopped.threads().end(), [&](const StoppedThread& thread) {
            constexpr std::size_t kRip = 16;
            return thread.registers.size() <= kRip || is_inside(thread.registers[kRip]) || leads_inside(thread.stack_pointer, mappings);
        });
    }

    bool write() const {
        std::size_t done = 0;
        while (done < patches_.size() && put(patches_[done], patches_[done].before, patches_[done].after)) ++done;
        if (done == patches_.size()) return true;
        while (done > 0) {
            --done;
            put(patches_[done], patches_[done].after, patches_[done].before);
        }
        return false;
    }

  private:
    bool is_inside(std::uint64_t address) const {
        return std::any_of(patches_.begin(), patches_.end(),
                           [&](const EntryPatch& patch) { return address > patch.function && address < patch.function + patch.moved; });
    }

    // A signal handler may have interrupted such an instruction: its frame on the stack has the address.
    bool leads_inside(std::uint64_t stack, const std::vector<Mapping>& mappings) const {
        constexpr std::uint64_t kMost = 1 << 20;
        const auto found = std::find_if(mappings.begin(), mappings.end(),
                                        [&](const Mapping& mapping) { return stack >= mapping.begin && stack < mapping.end; });
        if (found == mappings.end()) return true;
        std::vector<std::uint64_t> words(std::min(found->end - stack, kMost) / sizeof(std::uint64_t));
        if (!read_memory(pid_, stack, words.data(), words.size() * sizeof(std::uint64_t))) return true;
        return std::any_of(words.begin(), words.end(), [&](std::uint64_t word) { return is_inside(word); });
    }

    // A forked child has the jumps of its parent.
    bool put(const EntryPatch& patch, std::uint64_t expected, std::uint64_t wanted) const {
        std::uint64_t now = 0;
        const auto at = static_cast<off_t>(patch.address);
        if (::pread(memory_.get(), &now, sizeof now, at) != sizeof now) return false;
        if (now == wanted) return true;
        return now == expected && ::pwrite(memory_.get(), &wanted, sizeof wanted, at) == sizeof wanted;
    }

    int pid_;
    std::vector<EntryPatch> patches_;
    Descriptor memory_;
};

// Whether the agent has an answer.
bool answer(int pid, std::uint64_t variable, const EntryPatcher& patcher, bool last) {
    const std::uint64_t place = variable + offsetof(agent::AttachStatus, patching);
    const auto say = [&](Patching patching) { write_memory(pid, place, &patching, sizeof patching); };
    try {
        const StoppedProcess stopped(pid, std::chrono::milliseconds(200));
        Patching now = Patching::none;
        if (!read_memory(pid, place, &now, sizeof now) || now != Patching::wanted) return true;
        const bool safe = patcher.is_safe(stopped);
        if (!safe && !last) return false;
        say(safe && patcher.write() ? Patching::done : Patching::impossible);
    } catch (const Error&) {
        say(Patching::impossible);
    }
    return true;
}

}  // namespace

void write_entry_patches(int pid, std::uint64_t variable, const agent::AttachStatus& status) {
    std::vector<EntryPatch> patches(std::min(status.patch_count.load(), kMostPatches));
    read_memory(pid, status.patches.load(), patches.data(), patches.size() * sizeof(EntryPatch));
    const EntryPatcher patcher(pid, std::move(patches));
    constexpr int kTries = 20;
    for (int tries = 1; !answer(pid, variable, patcher, tries == kTries); ++tries) sleep_for({}, std::chrono::milliseconds(tries));
}

}  // namespace leakline::heap
